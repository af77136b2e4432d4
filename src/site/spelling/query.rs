//! A query in the site's spelling: nothing in it is decoded, but parameters are left out and put in
//! order, as far as no reader takes the rest for something else.
//!
//! The reader that counts is PHP. It decodes names, drops blanks before them, takes `.` and a blank
//! for `_`, ends them at a NUL, and takes `a[b]` for a part of `a`; of equal names the last one wins,
//! and parts of one array come in the order of the query. So parameters are put in the order of the
//! variables that PHP makes of them, and those of one variable keep theirs. Whoever tells names apart
//! that are one to PHP sees the same, for each name's parameters keep their order among themselves.
//! Where PHP's own versions differ (a bracket that never closes) and where it stops reading (after
//! 1 000 parameters), order is not touched.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::path::Unit;
use super::{QueryPolicy, Spelling};

/// Parameters of a query that is looked into; more come from nobody who reads a wiki.
const MAX_PARAMETERS: usize = 64;

/// What stands for itself in the name of a variable.
static IS_LETTER: [bool; 256] = {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut table = [false; 256];
    let mut at = 0;
    while at < letters.len() {
        table[letters[at] as usize] = true;
        at += 1;
    }
    table
};

/// `query` as the site spells it, without its `?`; `None` where the `?` goes too. On the `index` path
/// the title stands first, as MediaWiki writes it and, unless it is told to care for no order
/// (`$wgCdnMatchParameterOrder`), wants to see it again.
pub(super) fn spell<'a>(query: &'a str, policy: &Spelling, index: bool) -> Option<Cow<'a, str>> {
    match policy.query {
        QueryPolicy::Dropped => None,
        QueryPolicy::AsSent => without_dropped(query, policy),
        QueryPolicy::Sorted => sorted(query, policy, index),
    }
}

/// The bytes that `text` means where it is part of a query (`application/x-www-form-urlencoded`).
pub(super) fn decoded(text: &str) -> impl Iterator<Item = u8> {
    let mut rest = text.as_bytes();
    std::iter::from_fn(move || {
        let unit = Unit::first(rest)?;
        rest = &rest[unit.length()..];
        Some(if unit.byte == b'+' && !unit.escaped { b' ' } else { unit.byte })
    })
}

fn without_dropped<'a>(query: &'a str, policy: &Spelling) -> Option<Cow<'a, str>> {
    let is_dropped = |parameter: &&str| is_dropped(name(parameter), policy);
    if !query.split('&').any(|parameter| is_dropped(&parameter)) {
        return Some(Cow::Borrowed(query));
    }
    let kept: Vec<&str> = query.split('&').filter(|parameter| !is_dropped(parameter)).collect();
    let kept = kept.join("&");
    (!kept.is_empty()).then_some(Cow::Owned(kept))
}

fn sorted<'a>(query: &'a str, policy: &Spelling, index: bool) -> Option<Cow<'a, str>> {
    let all = || query.split('&');
    if is_settled(query, policy, index)
        || all().nth(MAX_PARAMETERS).is_some()
        || all().any(|parameter| is_open(name(parameter)))
    {
        return Some(Cow::Borrowed(query));
    }
    let kept = all().filter(|one| !one.is_empty() && !is_dropped(name(one), policy));
    let mut kept: Vec<&str> = kept.collect();
    kept.sort_by(|a, b| order(name(a), name(b), index));
    let kept = kept.join("&");
    match kept.is_empty() {
        true => None,
        false if kept == query => Some(Cow::Borrowed(query)),
        false => Some(Cow::Owned(kept)),
    }
}

/// Whether a query stays that holds no riddles: names of letters for which PHP has no other, in order
/// and not on the list. The links of a wiki's own pages are so, and this costs few instructions.
fn is_settled(query: &str, policy: &Spelling, index: bool) -> bool {
    let firsts = first_letters(&policy.drop_parameters);
    let (mut rest, mut before) = (query.as_bytes(), (false, &b""[..]));
    loop {
        let end = memchr::memchr(b'&', rest).unwrap_or(rest.len());
        let (parameter, more) = rest.split_at(end);
        let letters = parameter.iter().take_while(|byte| IS_LETTER[usize::from(**byte)]).count();
        let (name, behind) = parameter.split_at(letters);
        let Some(first) = name.first() else { return false };
        let key = (!index || name != b"title", name);
        if !matches!(behind.first(), None | Some(b'='))
            || key < before
            || (firsts & bit(*first) != 0 && is_plainly_dropped(name, policy))
        {
            return false;
        }
        let Some((_, more)) = more.split_first() else { return true };
        (rest, before) = (more, key);
    }
}

/// The name of a parameter, as it is written.
fn name(parameter: &str) -> &str {
    parameter.split('=').next().unwrap_or_default()
}

/// Whether the site drops parameters of this name: it is on the list in any percent-encoding. PHP
/// reads such a name as it stands on the list, or begins with what stands there before `*`.
fn is_dropped(name: &str, policy: &Spelling) -> bool {
    let is_listed = |listed: &str| {
        let (begin, any) = listed.strip_suffix('*').map_or((listed, false), |begin| (begin, true));
        let mut bytes = decoded(name);
        begin.bytes().all(|byte| bytes.next() == Some(byte)) && (any || bytes.next().is_none())
    };
    policy.drop_parameters.iter().any(|listed| is_listed(listed))
}

/// The same for a name that means what it says.
fn is_plainly_dropped(name: &[u8], policy: &Spelling) -> bool {
    policy.drop_parameters.iter().any(|listed| match listed.as_bytes() {
        [begin @ .., b'*'] => name.starts_with(begin),
        listed => name == listed,
    })
}

/// What names on the list begin with: a bit for each letter, though some share one.
fn first_letters(listed: &[Box<str>]) -> u64 {
    listed.iter().fold(0, |all, name| {
        let first = name.bytes().next().unwrap_or(b'*');
        all | if first == b'*' { u64::MAX } else { bit(first) }
    })
}

fn bit(letter: u8) -> u64 {
    1 << (letter & 63)
}

/// Which of two names stands first.
fn order(a: &str, b: &str, title_first: bool) -> Ordering {
    let order = variable(a).cmp(variable(b));
    if !title_first || order.is_eq() {
        return order;
    }
    let is_title = |name| variable(name).eq(*b"title");
    is_title(b).cmp(&is_title(a)).then(order)
}

/// The variable that PHP makes of a parameter's name, without the part of an array.
fn variable(name: &str) -> impl Iterator<Item = u8> {
    decoded(name)
        .take_while(|byte| *byte != 0)
        .skip_while(|byte| *byte == b' ')
        .take_while(|byte| *byte != b'[')
        .map(|byte| if matches!(byte, b' ' | b'.') { b'_' } else { byte })
}

/// Whether a bracket in the name never closes.
fn is_open(name: &str) -> bool {
    let mut bytes = decoded(name).take_while(|byte| *byte != 0);
    bytes.any(|byte| byte == b'[') && !bytes.any(|byte| byte == b']')
}

#[cfg(test)]
#[path = "query_tests.rs"]
mod tests;
