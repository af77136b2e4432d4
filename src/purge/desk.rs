//! The desk: where a source of purges that is no request hands in what it was told, and learns which
//! site and key are meant. URLs go through the same spelling as requests do, so that a page is purged
//! under whatever spelling its purge comes; hosts that this node does not serve are told apart from what
//! is no URL.
//!
//! It holds the sites in force, which a reload replaces ([`Desk::follow`]), and the store. It owns no
//! queue: an order is in force when [`Desk::take`] returns.

use std::collections::BTreeSet;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::{Order, Receipt, What, apply};
use crate::base::{KeyRef, KeyText, SiteId};
use crate::config::Site;
use crate::site::{Authority, Sites, respell};
use crate::store::{Mode, Scope, Store};

/// Where sources hand in orders; shared by all of them.
#[derive(Debug)]
pub struct Desk {
    store: Arc<Store>,
    sites: ArcSwap<Sites>,
}

/// A URL of a site that this node serves.
#[derive(Clone, Debug)]
pub struct Page {
    /// The site that its host belongs to.
    pub site: Arc<Site>,
    /// The text of its key.
    pub key: KeyText,
}

/// Why a URL is no page of this node's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPage {
    /// It is no `http:` or `https:` URL, and not one without a scheme (`//host/path`) either.
    BadUrl,
    /// This node has no site for its host.
    UnknownHost,
}

impl Desk {
    /// A desk for `store`, with `sites` in force.
    pub fn new(store: Arc<Store>, sites: Sites) -> Self {
        Self { store, sites: ArcSwap::from_pointee(sites) }
    }

    /// Puts other sites in force.
    pub fn follow(&self, sites: Sites) {
        self.sites.store(Arc::new(sites));
    }

    /// The page that `url` names. Its scheme and port do not matter, since a purge covers all of them
    /// ([`crate::base::key`]); a fragment is left out.
    ///
    /// # Errors
    /// [`NoPage`] says why it names none.
    pub fn page(&self, url: &str) -> Result<Page, NoPage> {
        let (host, target) = split(url).ok_or(NoPage::BadUrl)?;
        self.page_at(&host, target)
    }

    /// The page at `target` of `host`, as [`split`] finds them.
    pub(super) fn page_at(&self, host: &str, target: &str) -> Result<Page, NoPage> {
        let sites = self.sites.load();
        let site = sites.find(host).ok_or(NoPage::UnknownHost)?;
        let spelled = respell(target, &site.spelling);
        Ok(Page { site: Arc::clone(site), key: KeyText::new(host, &spelled.target) })
    }

    /// The site of that name.
    pub fn site(&self, name: &str) -> Option<SiteId> {
        self.sites.load().named(name).map(|site| site.id)
    }

    /// The site that the host of `key` belongs to now.
    pub(super) fn site_of(&self, key: KeyRef<'_>) -> Option<SiteId> {
        let host = key.text().split('/').next().unwrap_or_default();
        self.sites.load().find(host).map(|site| site.id)
    }

    /// Makes stale what sites have that may not serve it while a purge stream is too far behind; how many
    /// sites these are.
    pub fn stale_on_lag(&self) -> usize {
        let sites = self.sites.load();
        let late = sites.by_host().filter(|site| site.freshness.stale_on_lag).map(|site| site.id);
        let late: BTreeSet<SiteId> = late.collect();
        for site in &late {
            self.take(Order::new(What::All(Scope::Site(*site)), Some(Mode::Soft)));
        }
        late.len()
    }

    /// Puts `order` in force; what it found.
    pub fn take(&self, order: Order<'_>) -> Receipt {
        apply(&self.store, order)
    }
}

/// The host of `url`, in lower case, and its target in origin form; `None` where it is no URL of a page.
pub(super) fn split(url: &str) -> Option<(String, &str)> {
    let rest = without_scheme(url)?;
    let rest = rest.split('#').next().unwrap_or_default();
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(end);
    let is_plain = |byte: u8| byte.is_ascii_graphic() || !byte.is_ascii();
    if !target.bytes().all(is_plain) {
        return None;
    }
    let host = Authority::parse(authority).ok()?.host.to_ascii_lowercase();
    Some((host, if target.is_empty() { "/" } else { target }))
}

/// `url` behind `http://`, `https://` or `//`.
fn without_scheme(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("//")?;
    let known = ["", "http:", "https:"].iter().any(|known| known.eq_ignore_ascii_case(scheme));
    known.then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::sites::tests::site_with;

    fn desk() -> Desk {
        let sites = [site_with("profile = \"mediawiki\"")];
        Desk::new(Arc::new(Store::new(1 << 20, 4)), Sites::new(&sites))
    }

    #[test]
    fn a_page_has_one_key_under_all_its_spellings() {
        let desk = desk();
        for url in [
            "http://w.test/wiki/A",
            "https://W.Test:443/wiki/A",
            "//w.test./wiki/A?",
            "HTTP://w.test/w/index.php?title=A#top",
        ] {
            let page = desk.page(url).unwrap();
            assert_eq!(page.key.as_str(), "w.test/wiki/A", "{url}");
        }
        assert_eq!(desk.page("http://w.test").unwrap().key.as_str(), "w.test/");
    }

    #[test]
    fn what_is_no_url_is_told_apart_from_what_is_another_s() {
        let desk = desk();
        for url in ["", "/wiki/A", "w.test/wiki/A", "ftp://w.test/", "http:///A"] {
            assert_eq!(desk.page(url).unwrap_err(), NoPage::BadUrl, "{url}");
        }
        for url in ["http://w.test/a b", "http://a b/", "http://u@w.test/"] {
            assert_eq!(desk.page(url).unwrap_err(), NoPage::BadUrl, "{url}");
        }
        assert_eq!(desk.page("http://other.test/").unwrap_err(), NoPage::UnknownHost);
    }
}
