//! Texts that have a form of their own: what they may be, and what is said of those that are not.
//! `lower` takes the same texts apart again, with the functions that stand here beside each check.

use std::net::IpAddr;

use http::uri::{Authority, PathAndQuery};
use http::{HeaderName, HeaderValue, Method};

use super::errors::shown;
use super::host::{self, Bad};
use super::meaning::{Broker, Host, Pattern, PropertySource};
use super::read::is_token;
use crate::geo::Coordinates;

/// Fields that frame a message, route it, or concern one connection: no policy may touch them.
const RESERVED: [&str; 16] = [
    "age",
    "cache-status",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "date",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "vary",
    "via",
];

/// A share such as `0.1%`, of no more than all.
pub(super) fn share(text: &str) -> Result<(), Bad> {
    if one_in(text).is_some() {
        return Ok(());
    }
    let message = format!("`{}` is no share", shown(text));
    Err((message, "from \"0.0001%\" to \"100%\", or \"0%\" for none".into()))
}

/// Of how many one is meant by `text`, which [`share`] takes; 0 where none is.
pub(super) fn one_in(text: &str) -> Option<u32> {
    let number = text.strip_suffix('%')?;
    if !number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let percent: f64 = number.parse().ok()?;
    if percent == 0.0 {
        return Some(0);
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to a million")]
    (0.0001..=100.0).contains(&percent).then(|| (100.0 / percent).round() as u32)
}

/// A name of ours, such as a site's.
pub(super) fn name(text: &str) -> Result<(), Bad> {
    if is_token(text) {
        return Ok(());
    }
    let message = format!("`{}` is no name", shown(text));
    Err((message, "letters, digits, `-`, `_` and `.`, for example \"wiki\"".into()))
}

/// A field's name that a policy may drop.
pub(super) fn field_name(text: &str) -> Result<(), Bad> {
    let Ok(name) = HeaderName::try_from(text) else {
        let message = format!("`{}` is no field's name", shown(text));
        return Err((message, "letters, digits and `-`, for example \"X-Powered-By\"".into()));
    };
    if RESERVED.contains(&name.as_str()) {
        let message = format!("`{}` is not a site's to change", shown(text));
        return Err((message, format!("not one of {}", RESERVED.join(", "))));
    }
    Ok(())
}

/// The field `Name: value`.
pub(super) fn field(text: &str) -> Result<(), Bad> {
    let Some((name, value)) = text.split_once(':') else {
        let message = format!("`{}` is no field", shown(text));
        return Err((message, "for example \"Timing-Allow-Origin: *\"".into()));
    };
    if name.eq_ignore_ascii_case("set-cookie") {
        let message = "one cookie would be set for everybody, by what is shared too".into();
        return Err((message, "have the origin set it, on answers of its user's own".into()));
    }
    field_name(name)?;
    field_value(value.trim())
}

/// A multicast group's address.
pub(super) fn group(text: &str) -> Result<(), Bad> {
    if text.parse().is_ok_and(|address: IpAddr| address.is_multicast()) {
        return Ok(());
    }
    let message = format!("`{}` is no address of a multicast group", shown(text));
    Err((message, "for example \"239.128.0.112\" or \"ff05::4827\", without a port".into()))
}

/// A network interface's name, as Linux has them.
pub(super) fn interface(text: &str) -> Result<(), Bad> {
    let letter = |byte: u8| byte.is_ascii_graphic() && byte != b'/';
    if (1..=15).contains(&text.len()) && text.bytes().all(letter) {
        return Ok(());
    }
    let message = format!("`{}` is no interface's name", shown(text));
    Err((message, "for example \"eth0\"; `ip link` lists them".into()))
}

/// A broker of Kafka's, `host:port`.
pub(super) fn broker(text: &str) -> Result<(), Bad> {
    let hint =
        "for example \"kafka.test:9092\" or \"[2001:db8::1]:9092\"; `tls = true` asks for TLS";
    if text.contains("://") {
        return Err((format!("`{}` is a URL and no broker", shown(text)), hint.into()));
    }
    host::origin(text).map(|_| ()).map_err(|(message, _)| (message, hint.into()))
}

/// `text`, which [`broker`] or [`member`] takes, in its two parts.
pub(super) fn split_broker(text: &str) -> Option<Broker> {
    let origin = host::origin(text).ok()?;
    let host = match origin.host {
        Host::Address(address) => address.to_string(),
        Host::Name(name) => name,
    };
    Some(Broker { host, port: origin.port })
}

/// A member of etcd: as [`broker`], or a URL, whose scheme tells whether it speaks TLS.
pub(super) fn member(text: &str) -> Result<(), Bad> {
    let hint = "for example \"etcd-1.test:2379\" or \"https://etcd-1.test:2379\"";
    host::origin(text).map(|_| ()).map_err(|(message, _)| (message, hint.into()))
}

/// Whether `text`, which [`member`] takes, speaks TLS.
pub(super) fn is_tls(text: &str) -> bool {
    host::origin(text).is_ok_and(|origin| origin.tls)
}

/// A topic's name, as Kafka has them.
pub(super) fn topic(text: &str) -> Result<(), Bad> {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if (1..=249).contains(&text.len()) && text.bytes().all(letter) && ![".", ".."].contains(&text) {
        return Ok(());
    }
    let message = format!("`{}` is no topic's name", shown(text));
    Err((message, "1 to 249 letters, digits, dots, `_` and `-`".into()))
}

/// `text`, which [`field`] takes, in its two parts.
pub(super) fn split_field(text: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = text.split_once(':')?;
    Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value.trim()).ok()?))
}

/// A field's value.
pub(super) fn field_value(text: &str) -> Result<(), Bad> {
    if text.is_ascii() && HeaderValue::from_str(text).is_ok() {
        return Ok(());
    }
    let message = format!("`{}` cannot stand in a field", shown(text));
    Err((message, "visible characters of ASCII and spaces can".into()))
}

/// Strict-Transport-Security (RFC 6797 §6.1).
pub(super) fn hsts(text: &str) -> Result<(), Bad> {
    let age = |part: &str| part.trim().strip_prefix("max-age=").map(str::to_owned);
    let digits = |text: String| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if text.split(';').find_map(age).is_some_and(digits) {
        return field_value(text);
    }
    let message = format!("`{}` has no `max-age` in seconds", shown(text));
    Err((message, "for example \"max-age=31536000; includeSubDomains\", or \"off\"".into()))
}

/// The beginning of a path.
pub(super) fn path(text: &str) -> Result<(), Bad> {
    let letter = |byte: u8| byte.is_ascii_graphic() && !b"?#\\".contains(&byte);
    if text.starts_with('/') && text.bytes().all(letter) {
        return Ok(());
    }
    let message = format!("`{}` is no path", shown(text));
    Err((message, "it begins with `/` and has neither a query nor spaces".into()))
}

/// A request's target: a path, with a query or without.
pub(super) fn target(text: &str) -> Result<(), Bad> {
    if text.starts_with('/') && text.parse::<PathAndQuery>().is_ok() && !text.contains('#') {
        return Ok(());
    }
    let message = format!("{text:?} is no path");
    Err((message, "for example \"/healthz\" or \"/w/api.php?action=query&format=json\"".into()))
}

/// What Host may be: a name or an address, with a port or without.
pub(super) fn authority(text: &str) -> Result<(), Bad> {
    if text.parse::<Authority>().is_ok_and(|authority| !authority.as_str().contains('@')) {
        return Ok(());
    }
    Err((format!("{text:?} is no host"), "for example \"healthcheck.wiki.test\"".into()))
}

/// Any text but none.
pub(super) fn some(text: &str) -> Result<(), Bad> {
    if !text.is_empty() {
        return Ok(());
    }
    Err(("\"\" is in every body".into(), "leave the key out for any body".into()))
}

/// The path of a page with `$1` for its title.
pub(super) fn article_path(text: &str) -> Result<(), Bad> {
    match text.strip_suffix("$1") {
        Some(before) if before.ends_with('/') && !before.contains('$') => path(before),
        _ => {
            let message = format!("`{}` does not end in `/$1`", shown(text));
            Err((message, "for example \"/wiki/$1\", as in $wgArticlePath, or \"off\"".into()))
        }
    }
}

/// A parameter's name, with a `*` at the end the beginning of one.
pub(super) fn parameter(text: &str) -> Result<(), Bad> {
    let name = text.strip_suffix('*').unwrap_or(text);
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if !name.is_empty() && name.bytes().all(letter) {
        return Ok(());
    }
    let message = format!("`{}` is no parameter's name", shown(text));
    Err((message, "letters, digits, `-`, `_` and dots, and one `*` at the end".into()))
}

/// A method that a site may serve.
pub(super) fn method(text: &str) -> Result<(), Bad> {
    if text == "*" {
        return Ok(());
    }
    let message = match Method::from_bytes(text.as_bytes()) {
        Ok(Method::CONNECT | Method::TRACE) => format!("`{text}` is served by no site"),
        Ok(method) if method.as_str() == "PURGE" => {
            "who may PURGE is told in [purge], for all sites".into()
        }
        Ok(_) => return Ok(()),
        Err(_) => format!("`{}` is no method", shown(text)),
    };
    Err((message, "for example [\"GET\", \"HEAD\", \"POST\"]".into()))
}

/// A content coding that is made here.
pub(super) fn coding(text: &str) -> Result<(), Bad> {
    if ["zstd", "gzip"].contains(&text) {
        return Ok(());
    }
    let message = format!("`{}` is no coding that is made here", shown(text));
    Err((message, "\"zstd\" and \"gzip\" are".into()))
}

/// A media type, or all of a kind.
pub(super) fn media_type(text: &str) -> Result<(), Bad> {
    let token = |text: &str| {
        let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-+.".contains(&b);
        !text.is_empty() && text.bytes().all(letter)
    };
    match text.split_once('/') {
        Some((kind, subtype)) if token(kind) && (subtype == "*" || token(subtype)) => Ok(()),
        _ => {
            let message = format!("`{}` is no media type", shown(text));
            Err((message, "in lower case, for example \"text/html\" or \"text/*\"".into()))
        }
    }
}

/// A point on the earth.
pub(super) fn coordinates(text: &str) -> Result<(), Bad> {
    text.parse::<Coordinates>().map(drop).map_err(|()| {
        let message = format!("`{}` is no point on the earth", shown(text));
        (message, "latitude and longitude in degrees, for example \"39.04, -77.49\"".into())
    })
}

/// `text` before and after the first `separator`, if there is one.
pub(super) fn split_at(text: &str, separator: char) -> (&str, Option<&str>) {
    match text.split_once(separator) {
        Some((name, rest)) => (name.trim(), Some(rest.trim())),
        None => (text.trim(), None),
    }
}

/// A field that a request must have: `Name`, or `Name: expression`.
pub(super) fn has_field(text: &str) -> Result<(), Bad> {
    let (name, value) = split_at(text, ':');
    if HeaderName::try_from(name).is_err() {
        let message = format!("`{}` names no field", shown(text));
        return Err((message, "for example \"X-Wikimedia-Debug: backend=\"".into()));
    }
    value.map_or(Ok(()), pattern)
}

/// A cookie that a request must have: `name`, or `name=expression`.
pub(super) fn has_cookie(text: &str) -> Result<(), Bad> {
    let (name, value) = split_at(text, '=');
    if !is_token(name) {
        let message = format!("`{}` names no cookie", shown(text));
        return Err((message, "for example \"UseDC=^master$\"".into()));
    }
    value.map_or(Ok(()), pattern)
}

/// A parameter that a query must have: `name`, or `name=value`.
pub(super) fn has_parameter(text: &str) -> Result<(), Bad> {
    let (name, _) = split_at(text, '=');
    if !name.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"&#?".contains(&byte))
    {
        return Ok(());
    }
    let message = format!("`{}` names no parameter", shown(text));
    Err((message, "for example \"cpPosIndex\" or \"action=rollback\"".into()))
}

/// What an origin is asked for in place of a path, or of its beginning.
pub(super) fn replacement(text: &str) -> Result<(), Bad> {
    let letter = |byte: u8| byte.is_ascii_graphic() && !b"?#\\".contains(&byte);
    if (text.starts_with('/') || text.starts_with('$')) && text.bytes().all(letter) {
        return Ok(());
    }
    let message = format!("`{}` is no path", shown(text));
    Err((message, "it begins with `/`, or with `$1` for a group of `pattern`".into()))
}

/// The Host that an origin sees.
pub(super) fn origin_host(text: &str) -> Result<(), Bad> {
    // What groups stand for is letters of a host.
    authority(&text.replace(['$', '{', '}'], "x"))
}

/// A regular expression.
pub(super) fn pattern(text: &str) -> Result<(), Bad> {
    Pattern::new(text).map(drop).map_err(|why| {
        let why = why.to_string();
        let last = why.lines().last().unwrap_or_default().trim_start_matches("error: ");
        let message = format!("`{}` is no regular expression: {}", shown(text), shown(last));
        (message, "https://docs.rs/regex/latest/regex/#syntax has what it may hold".into())
    })
}

/// What a property is computed from.
pub(super) fn source(text: &str) -> Result<(), Bad> {
    if split_source(text).is_some() {
        return Ok(());
    }
    let message = format!("`{}` is nothing that a property is computed from", shown(text));
    Err((message, "\"host\", \"path\", \"field:User-Agent\" or \"cookie:name\"".into()))
}

/// `text`, which [`source`] takes, as what it means.
pub(super) fn split_source(text: &str) -> Option<PropertySource> {
    match text.split_once(':') {
        None if text == "host" => Some(PropertySource::Host),
        None if text == "path" => Some(PropertySource::Path),
        Some(("field", name)) => HeaderName::try_from(name).ok().map(PropertySource::Field),
        Some(("cookie", name)) if is_token(name) => Some(PropertySource::Cookie(name.into())),
        _ => None,
    }
}
