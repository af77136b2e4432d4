//! What clients are shown of an origin's answer, where a site's policy has it otherwise than the origin
//! said: fields that no client sees, those that the site sets itself, Cache-Control for copies that no
//! purge reaches, and a Vary that names what clients sent and not what is computed of it.
//!
//! What is stored is shown as it was made when it was stored ([`shown`]), unless the policy is another
//! by then; what the edge itself obeys is the origin's. What the site adds is set on each answer
//! ([`add`]), and takes no room in the store.

use http::header::{CACHE_CONTROL, COOKIE, STRICT_TRANSPORT_SECURITY, VARY};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::identity::X_REQUEST_ID;
use crate::base::{Fields, Scheme};
use crate::config::{Property, PropertySource, Site};
use crate::semantics::{cache_control, list};

/// What clients of `site` are shown of an origin's `own` end-to-end fields, with the origin's of what
/// differs.
pub fn shown(site: &Site, own: &HeaderMap) -> Fields {
    if shows_all(site) {
        return Fields::of(own);
    }
    let mut shown = own.clone();
    rewrite(&mut shown, site);
    Fields::shown(&shown, own)
}

fn shows_all(site: &Site) -> bool {
    !withholds(site) && site.answers.cache_control.is_none() && site.properties.is_empty()
}

/// Makes of an origin's end-to-end fields those that clients of `site` are shown. Says whether
/// Cache-Control is another.
pub fn rewrite(headers: &mut HeaderMap, site: &Site) -> bool {
    withhold(headers, site);
    if let Some(vary) = vary(headers, &site.properties) {
        match vary.is_empty() {
            true => headers.remove(VARY),
            false => headers.insert(VARY, vary),
        };
    }
    let instead = site.answers.cache_control.as_ref();
    let told = instead.and_then(|instead| cache_control::for_clients(headers, instead));
    let replaced = told.is_some();
    if let Some(told) = told {
        headers.insert(CACHE_CONTROL, told);
    }
    replaced
}

/// Removes what no client sees of a head or of a trailer section, and what the site has its own of, the
/// request's name included.
pub fn withhold(headers: &mut HeaderMap, site: &Site) {
    let added = site.answers.added.iter().map(|(name, _)| name);
    for name in site.answers.dropped.iter().chain(added) {
        headers.remove(name);
    }
    if site.access.hsts.is_some() {
        headers.remove(STRICT_TRANSPORT_SECURITY);
    }
    if site.identity.request_id {
        headers.remove(X_REQUEST_ID);
    }
}

/// Whether [`withhold`] may remove anything.
pub fn withholds(site: &Site) -> bool {
    !site.answers.dropped.is_empty()
        || !site.answers.added.is_empty()
        || site.access.hsts.is_some()
        || site.identity.request_id
}

/// Sets what the site has every answer say to a client over `scheme`. The origin's own fields of these
/// names are not there any more.
pub fn add(headers: &mut HeaderMap, site: &Site, scheme: Scheme) {
    for (name, value) in &site.answers.added {
        headers.append(name.clone(), value.clone());
    }
    // RFC 6797 §7.2: never over what anybody may have written on the way.
    if let Some(hsts) = &site.access.hsts
        && scheme == Scheme::Https
    {
        headers.insert(STRICT_TRANSPORT_SECURITY, hsts.clone());
    }
}

/// Vary for clients, which do not send what is computed here; `None` where it names nothing of that.
fn vary(headers: &HeaderMap, properties: &[Property]) -> Option<HeaderValue> {
    if properties.is_empty() || !headers.contains_key(VARY) {
        return None;
    }
    let computed = |member: &[u8]| {
        properties.iter().find(|p| p.name.as_str().as_bytes().eq_ignore_ascii_case(member))
    };
    let said = || list::members(headers, &VARY);
    if !said().any(|member| computed(member).is_some()) {
        return None;
    }
    let mut told: Vec<&[u8]> = Vec::new();
    for member in said() {
        let shown = computed(member).map_or(Some(member), |property| sent(&property.source));
        told.extend(shown.filter(|name| !told.iter().any(|told| told.eq_ignore_ascii_case(name))));
    }
    // Members of a field value are one again.
    HeaderValue::from_bytes(&told.join(&b", "[..])).ok()
}

/// The field of a request that `source` is in. Host and path are no choice of the client's: a URL has
/// one of each.
fn sent(source: &PropertySource) -> Option<&[u8]> {
    let name: &HeaderName = match source {
        PropertySource::Host | PropertySource::Path => return None,
        PropertySource::Field(name) => name,
        PropertySource::Cookie(_) => &COOKIE,
    };
    Some(name.as_str().as_bytes())
}

#[cfg(test)]
#[path = "answers_tests.rs"]
mod tests;
