//! One value: what a key's kind makes of what was written, or an error at its place.

use std::path::Path;

use toml::Spanned;
use toml::de::DeValue;
use tracing_subscriber::EnvFilter;

use super::errors::{Errors, Place, did_you_mean, shown};
use super::host::{self, Bad};
use super::kind::{Key, Kind, Value, quoted};
use super::units;
use crate::geo::Prefix;

/// The value of `key` written as `at`; `None` where it is wrong, with the errors added. Paths are
/// taken from `dir`.
pub(super) fn value(
    key: &Key,
    at: &Spanned<DeValue<'_>>,
    dir: &Path,
    errors: &mut Errors,
) -> Option<Value> {
    let place = Place::from(at.span());
    let found = match &key.kind {
        Kind::Boolean => boolean(key, at.get_ref()),
        Kind::Integer { least, most } => integer(key, at.get_ref(), *least, *most),
        Kind::Number(list) => number(key, at.get_ref(), list),
        Kind::Prefixes => {
            return each(key, at, errors, |text, _| prefix(key, text)).map(Value::Prefixes);
        }
        Kind::Texts(check) => {
            let all = each(key, at, errors, |text, _| check(text).map(|()| text.to_owned()));
            return all.map(Value::Texts);
        }
        Kind::Hosts => {
            let all = each(key, at, errors, |text, place| Ok((host::pattern(text)?, place)))?;
            if all.is_empty() {
                errors.add(place, format!("`{}` is empty", key.name), example(key));
                return None;
            }
            return Some(Value::Hosts(all));
        }
        _ => match at.get_ref() {
            DeValue::String(text) => of_text(key, text, dir),
            other => {
                let wanted = match key.kind {
                    Kind::Duration { .. } => "a duration in quotes",
                    Kind::Size { .. } => "a size in quotes",
                    _ => "text",
                };
                wrong_type(key, wanted, other)
            }
        },
    };
    found.map_err(|(message, hint)| errors.add(place, message, hint)).ok()
}

/// The default of `key` that is written as `text` in the table of keys.
pub(super) fn default(key: &Key, text: &str) -> Value {
    let mut errors = Errors::new("the table of keys", text);
    let parsed = DeValue::parse(text).ok();
    let value = parsed.and_then(|parsed| value(key, &parsed, Path::new(""), &mut errors));
    value.expect("a test reads every default of the table")
}

/// Whether `text` is a token (RFC 9110 §5.6.2).
pub(super) fn is_token(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    (1..=255).contains(&text.len()) && text.bytes().all(letter)
}

/// What a value is, in words.
pub(super) fn type_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn example(key: &Key) -> String {
    format!("for example: {} = {}", key.name, key.example())
}

fn wrong_type(key: &Key, wanted: &str, found: &DeValue<'_>) -> Result<Value, Bad> {
    Err((format!("`{}` takes {wanted}, not {}", key.name, type_of(found)), example(key)))
}

fn boolean(key: &Key, found: &DeValue<'_>) -> Result<Value, Bad> {
    match found {
        DeValue::Boolean(value) => Ok(Value::Boolean(*value)),
        other => wrong_type(key, "true or false", other),
    }
}

/// The number that was written; `None` where it is below zero or too large.
fn written_number(found: &DeValue<'_>) -> Option<Option<u64>> {
    let DeValue::Integer(integer) = found else { return None };
    Some(u64::from_str_radix(integer.as_str(), integer.radix()).ok())
}

fn integer(key: &Key, found: &DeValue<'_>, least: u64, most: u64) -> Result<Value, Bad> {
    let Some(number) = written_number(found) else {
        return wrong_type(key, "a whole number", found);
    };
    let number = number.filter(|n| (least..=most).contains(n)).map(Value::Integer);
    number.ok_or_else(|| (format!("`{}` is from {least} to {most}", key.name), example(key)))
}

fn number(key: &Key, found: &DeValue<'_>, list: &[u64]) -> Result<Value, Bad> {
    let Some(number) = written_number(found) else {
        return wrong_type(key, "a whole number", found);
    };
    let list_text: Vec<String> = list.iter().map(ToString::to_string).collect();
    let number = number.filter(|n| list.contains(n)).map(Value::Integer);
    number
        .ok_or_else(|| (format!("`{}` is one of {}", key.name, list_text.join(", ")), example(key)))
}

fn of_text(key: &Key, text: &str, dir: &Path) -> Result<Value, Bad> {
    match &key.kind {
        Kind::Token => token(key, text),
        Kind::Duration { zero } => duration(key, text, *zero),
        Kind::Size { least, most } => size(key, text, *least, *most),
        Kind::Address => address(key, text),
        Kind::Path => path(key, text, dir),
        Kind::Choice(list) => choice(key, text, list),
        Kind::ChoiceOrPath(list) if list.contains(&text) => Ok(Value::Text(text.to_owned())),
        Kind::ChoiceOrPath(_) => path(key, text, dir),
        Kind::ChoiceOrDuration(list) | Kind::ChoiceOrText(list, _) if list.contains(&text) => {
            Ok(Value::Text(text.to_owned()))
        }
        Kind::ChoiceOrDuration(_) => duration(key, text, true),
        Kind::ChoiceOrText(_, check) | Kind::Text(check) => {
            check(text).map(|()| Value::Text(text.to_owned()))
        }
        Kind::Filter => filter(key, text),
        Kind::Origin => host::origin(text).map(Value::Origin),
        // Whether there is such a cluster is asked when all are known.
        Kind::Cluster => Ok(Value::Text(text.to_owned())),
        Kind::Boolean
        | Kind::Integer { .. }
        | Kind::Number(_)
        | Kind::Prefixes
        | Kind::Hosts
        | Kind::Texts(_) => unreachable!("{} is no text, and `value` has read it", key.name),
    }
}

fn token(key: &Key, text: &str) -> Result<Value, Bad> {
    if is_token(text) {
        return Ok(Value::Text(text.to_owned()));
    }
    Err((
        format!("`{}` of `{}` cannot stand in a header field", shown(text), key.name),
        "letters, digits, `-`, `_` and dots can, up to 255 of them".into(),
    ))
}

fn duration(key: &Key, text: &str, zero: bool) -> Result<Value, Bad> {
    let hint = "a number with ms, s, m, h or d, such as \"10s\" or \"1h30m\"";
    match units::duration(text) {
        Ok(value) if value.is_zero() && !zero => {
            Err((format!("`{}` cannot be zero", key.name), example(key)))
        }
        Ok(value) => Ok(Value::Duration(value)),
        Err(units::Bad::Form) => Err((format!("`{}` is no duration", shown(text)), hint.into())),
        Err(units::Bad::TooMuch) => {
            Err((format!("`{}` is more than 100 years", shown(text)), example(key)))
        }
    }
}

fn size(key: &Key, text: &str, least: u64, most: u64) -> Result<Value, Bad> {
    let hint = "a number of bytes, or one with KiB, MiB, GiB, TiB, KB, MB, GB or TB, \
                such as \"8GiB\"";
    match units::size(text) {
        Ok(0) if least == 1 => Err((format!("`{}` cannot be zero", key.name), example(key))),
        Ok(bytes) if (least..=most).contains(&bytes) => Ok(Value::Size(bytes)),
        Ok(_) if most == u64::MAX => {
            let least = units::print_size(least);
            Err((format!("`{}` is at least {least}", key.name), example(key)))
        }
        Ok(_) => {
            let (least, most) = (units::print_size(least), units::print_size(most));
            Err((format!("`{}` is from {least} to {most}", key.name), example(key)))
        }
        Err(units::Bad::Form) => Err((format!("`{}` is no size", shown(text)), hint.into())),
        Err(units::Bad::TooMuch) => {
            Err((format!("`{}` is more bytes than can be counted", shown(text)), example(key)))
        }
    }
}

fn address(key: &Key, text: &str) -> Result<Value, Bad> {
    text.parse().map(Value::Address).map_err(|_| {
        (
            format!("`{}` is not an IP address and a port", shown(text)),
            format!(
                "for example: {} = {}, or \"[::]:80\" for all of IPv6",
                key.name,
                key.example()
            ),
        )
    })
}

fn path(key: &Key, text: &str, dir: &Path) -> Result<Value, Bad> {
    if text.is_empty() || text.contains('\0') {
        return Err((format!("`{}` is no path", shown(text)), example(key)));
    }
    Ok(Value::Path(text.to_owned(), dir.join(text)))
}

fn choice(key: &Key, text: &str, list: &[&str]) -> Result<Value, Bad> {
    if list.contains(&text) {
        return Ok(Value::Text(text.to_owned()));
    }
    let message = format!("`{}` is nothing that `{}` takes", shown(text), key.name);
    Err((message, did_you_mean(text, list.iter().copied(), "it takes")))
}

/// A filter as `tracing` reads it. A lone word that is no level would be taken for a target, and a
/// slip would turn everything off, so it is refused.
fn filter(key: &Key, text: &str) -> Result<Value, Bad> {
    const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];
    for word in text.split(',').map(str::trim) {
        let level = LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word));
        if !level && !word.contains(['=', '[']) {
            let message = format!("`{}` is no level", shown(word));
            return Err((message, did_you_mean(word, LEVELS, "levels")));
        }
    }
    match EnvFilter::builder().parse(text) {
        Ok(_) => Ok(Value::Text(text.to_owned())),
        Err(why) => {
            Err((format!("`{}` is no filter: {}", key.name, shown(&why.to_string())), example(key)))
        }
    }
}

fn prefix(key: &Key, text: &str) -> Result<Prefix, Bad> {
    text.parse::<Prefix>().map_err(|why| {
        let hint = match key.example() {
            "[]" => "for example \"10.0.0.0/8\" or \"2001:db8::/32\"".to_owned(),
            list => format!("for example: {} = {list}", key.name),
        };
        (shown(&why.to_string()), hint)
    })
}

/// What `read` makes of every text of the list at `at`; `None` where anything is refused.
fn each<T>(
    key: &Key,
    at: &Spanned<DeValue<'_>>,
    errors: &mut Errors,
    read: impl Fn(&str, Place) -> Result<T, Bad>,
) -> Option<Vec<T>> {
    let Some(list) = at.get_ref().as_array() else {
        let message = format!("`{}` takes a list, not {}", key.name, type_of(at.get_ref()));
        let hint = match at.get_ref().as_str() {
            Some(text) => format!("write {} = [{}]", key.name, shown(&quoted(text))),
            None => example(key),
        };
        errors.add(at.span().into(), message, hint);
        return None;
    };
    let mut good = Vec::new();
    for item in list {
        let place = Place::from(item.span());
        let found = match item.get_ref() {
            DeValue::String(text) => read(text, place),
            other => {
                let is = type_of(other);
                Err((
                    format!("`{}` takes a list of texts, and this is {is}", key.name),
                    example(key),
                ))
            }
        };
        match found {
            Ok(value) => good.push(value),
            Err((message, hint)) => errors.add(place, message, hint),
        }
    }
    (good.len() == list.len()).then_some(good)
}
