//! Vary, the normal form of the fields that it names, lists, and tags.

use http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};

use super::{fields, first_block};
use crate::base::{Accepted, Coding};
use crate::semantics::{Vary, hop, list, normal_form, tags};

/// `data` as three blocks: the fields of a response (Vary among them), and two requests. Both ways to
/// find out whether one answer is for both requests agree, whichever of them came first; a normal
/// form is its own normal form.
pub fn selection(data: &[u8]) {
    let (response, rest) = first_block(data);
    let (one, two) = first_block(rest);
    let (response, one, two) = (fields(response), fields(one), fields(two));
    let vary = Vary::of(&response);
    if let (Some(first), Some(second)) = (vary.select(&one), vary.select(&two)) {
        assert!(first.matches(&one) && second.matches(&two), "a request does not select its own");
        assert_eq!(first.matches(&two), first == second, "{vary:?}");
        assert_eq!(second.matches(&one), first == second, "{vary:?}");
    } else {
        assert_eq!(vary, Vary::Any);
    }
    for name in [ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, USER_AGENT] {
        check_normal(&one, &name);
    }
    check_accepted(&one);
    check_tags(&response);
    for line in one.values().chain(response.values()) {
        check_list(line.as_bytes());
    }
    check_stripped(&two);
}

fn check_normal(headers: &HeaderMap, name: &HeaderName) {
    let form = form(headers, name);
    let Ok(value) = HeaderValue::from_bytes(&form) else { panic!("{name}: {form:?} is no field") };
    // A quotation mark that is never closed on its line quotes nothing; on one line with another's it
    // would.
    let unclosed = |line: &HeaderValue| {
        let line = line.as_bytes();
        line.contains(&b'\\') || line.iter().filter(|byte| **byte == b'"').count() % 2 == 1
    };
    if headers.get_all(name).iter().any(unclosed) {
        return;
    }
    let again: HeaderMap = [(name.clone(), value)].into_iter().collect();
    let again = self::form(&again, name);
    assert_eq!(again, form, "{name} has two normal forms");
}

fn form(headers: &HeaderMap, name: &HeaderName) -> Vec<u8> {
    let mut form = Vec::new();
    normal_form::write(headers, name, |piece| form.extend_from_slice(piece));
    form
}

/// No tag is empty, and the groups that a response names it names in any number of lines.
fn check_tags(response: &HeaderMap) {
    tags::each(response, |tag| assert!(!tag.is_empty()));
    let groups = |headers: &HeaderMap| {
        let mut groups = Vec::new();
        tags::groups(headers, &tags::CACHE_GROUPS, |group| groups.push(group.to_vec()));
        groups
    };
    let line = HeaderValue::from_bytes(&list::combined(response, &tags::CACHE_GROUPS));
    let line = line.expect("field values joined by commas are a field value");
    let one: HeaderMap = [(tags::CACHE_GROUPS, line)].into_iter().collect();
    assert_eq!(groups(&one), groups(response));
}

/// What is refused last is not taken.
fn check_accepted(request: &HeaderMap) {
    let mut refusing = request.clone();
    if refusing.try_append(ACCEPT_ENCODING, HeaderValue::from_static("gzip;q=0")).is_ok() {
        assert!(!Accepted::of(&refusing).takes(Coding::Gzip));
    }
}

/// Members are the same when the list is written again from them, and hold no comma but in quotes.
fn check_list(line: &[u8]) {
    let members: Vec<&[u8]> = list::Members::of(line).collect();
    for member in &members {
        assert!(!member.is_empty() && member.trim_ascii().len() == member.len(), "{member:?}");
        assert!(!member.contains(&b',') || member.contains(&b'"'), "{member:?} are two");
        if let Some(said) = list::token_or_quoted(member) {
            assert!(said.len() <= member.len());
        }
    }
    let joined = members.join(&b", "[..]);
    assert!(list::Members::of(&joined).eq(members.iter().copied()), "{line:?}");
}

/// The fields of a connection go, once, and only they.
fn check_stripped(headers: &HeaderMap) {
    let mut stripped = headers.clone();
    hop::strip_hop_by_hop(&mut stripped);
    assert!(!stripped.contains_key("connection") && !stripped.contains_key("transfer-encoding"));
    for name in ["content-length", "host", "cookie", "authorization", "x-forwarded-for"] {
        let (now, before) = (stripped.get_all(name), headers.get_all(name));
        assert!(now.iter().eq(before.iter()), "{name} went with the connection");
    }
    let mut again = stripped.clone();
    hop::strip_hop_by_hop(&mut again);
    assert_eq!(again, stripped);
    assert!(!hop::connection_names_forbidden(&stripped));
}
