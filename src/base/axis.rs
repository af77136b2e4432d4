//! The first axes of variants: what an origin sees of the authority beside the host, and the codings
//! of ours. What Vary names comes after them.
//!
//! A request has one value on each axis; what is stored may be for several of them. Where a site
//! shares schemes, most of what is stored for it is for both.

use super::coding::{Accepted, Coding};
use super::ids::SiteId;
use super::key::Scheme;

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Axis {
    /// The site that the host belongs to.
    pub site: SiteId,
    /// The scheme that the client used.
    pub scheme: Scheme,
    /// Whether the site shares what is stored over both schemes.
    pub shares_schemes: bool,
    /// The port that the client named; 0 where it named none or its scheme's own.
    pub port: u16,
    /// The codings of ours that the client takes; none where the site has none made.
    pub accepted: Accepted,
}

/// Where a stored response stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StoredAxis {
    /// The site that it was asked for.
    pub site: SiteId,
    /// The scheme that it is for; both where there is none.
    pub scheme: Option<Scheme>,
    /// The port that it was asked with.
    pub port: u16,
    /// The coding of ours that it is in; none where it is as it came.
    pub coding: Option<Coding>,
}

impl Axis {
    /// The axis of a request to a site that keeps schemes apart and codes nothing.
    pub const fn new(site: SiteId, scheme: Scheme, port: Option<u16>) -> Self {
        let own = match scheme {
            Scheme::Http => 80,
            Scheme::Https => 443,
        };
        let port = match port {
            Some(port) if port != own => port,
            _ => 0,
        };
        Self { site, scheme, shares_schemes: false, port, accepted: Accepted::IDENTITY }
    }

    /// Whether one answer may be for this request and for `other`, as far as that can be known before
    /// it comes.
    pub fn may_share(self, other: Self) -> bool {
        self.site == other.site
            && self.port == other.port
            && (self.scheme == other.scheme || self.shares_schemes && other.shares_schemes)
    }

    /// Where the answer to this request stands, which is `of_one_scheme` in any case or else as the
    /// site has it.
    pub fn stored(self, of_one_scheme: bool) -> StoredAxis {
        let apart = of_one_scheme || !self.shares_schemes;
        let scheme = apart.then_some(self.scheme);
        StoredAxis { site: self.site, scheme, port: self.port, coding: None }
    }
}

impl StoredAxis {
    /// Whether it is for `request`.
    pub fn covers(self, request: Axis) -> bool {
        self.site == request.site
            && self.port == request.port
            // What a site shared before it changed its mind is not shared now.
            && self.scheme.map_or(request.shares_schemes, |scheme| scheme == request.scheme)
            && self.coding.is_none_or(|coding| request.accepted.takes(coding))
    }

    /// Whether it is for every request that `other` is for, if the codings are left out.
    pub fn covers_all_of(self, other: Self) -> bool {
        self.site == other.site
            && self.port == other.port
            && (self.scheme.is_none() || self.scheme == other.scheme)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HTTP: Axis = Axis::new(SiteId(1), Scheme::Http, None);
    const HTTPS: Axis = Axis::new(SiteId(1), Scheme::Https, None);

    fn shared(axis: Axis) -> Axis {
        Axis { shares_schemes: true, ..axis }
    }

    #[test]
    fn a_schemes_own_port_is_no_port() {
        let axis = |scheme, port| Axis::new(SiteId(0), scheme, port);
        assert_eq!(axis(Scheme::Http, Some(80)), axis(Scheme::Http, None));
        assert_ne!(axis(Scheme::Http, Some(443)), axis(Scheme::Http, None));
        assert_eq!(axis(Scheme::Https, Some(443)).port, 0);
    }

    #[test]
    fn schemes_are_apart_unless_the_site_shares_them() {
        assert!(HTTP.may_share(HTTP) && !HTTP.may_share(HTTPS));
        assert!(HTTP.stored(false).covers(HTTP) && !HTTP.stored(false).covers(HTTPS));
        let (http, https) = (shared(HTTP), shared(HTTPS));
        assert!(http.may_share(https) && http.stored(false).covers(https));
        assert!(!http.stored(true).covers(https) && http.stored(true).covers(http));
        // After a reload that keeps them apart.
        assert!(!http.may_share(HTTPS) && !http.stored(false).covers(HTTPS));
    }

    #[test]
    fn sites_and_ports_are_apart_in_any_case() {
        let other_site = shared(Axis::new(SiteId(2), Scheme::Http, None));
        let other_port = shared(Axis::new(SiteId(1), Scheme::Http, Some(8080)));
        for other in [other_site, other_port] {
            assert!(!shared(HTTP).may_share(other));
            assert!(!shared(HTTP).stored(false).covers(other));
            assert!(!shared(HTTP).stored(false).covers_all_of(other.stored(false)));
        }
    }

    #[test]
    fn what_is_coded_is_for_those_who_take_it() {
        let coded = StoredAxis { coding: Some(Coding::Gzip), ..HTTP.stored(false) };
        let takes = |accepted| Axis { accepted, ..HTTP };
        assert!(coded.covers(takes(Accepted::only(Coding::Gzip))));
        assert!(!coded.covers(takes(Accepted::IDENTITY.with(Coding::Zstd))));
        // What is not coded is for everybody (RFC 9110 §12.4.1).
        assert!(HTTP.stored(false).covers(takes(Accepted::only(Coding::Gzip))));
    }

    #[test]
    fn what_is_for_both_schemes_takes_the_place_of_either_and_not_the_other_way_round() {
        let (both, http) = (shared(HTTP).stored(false), shared(HTTP).stored(true));
        let https = shared(HTTPS).stored(true);
        assert!(both.covers_all_of(http) && both.covers_all_of(https) && both.covers_all_of(both));
        assert!(!http.covers_all_of(both) && !http.covers_all_of(https));
        assert!(http.covers_all_of(http));
    }
}
