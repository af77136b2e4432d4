//! HTTP dates (RFC 9110 §5.6.7): IMF-fixdate, and the two obsolete forms that must still be read.
//!
//! Names match in any case, as RFC 9111 §4.2 asks of caches; apart from that the forms are taken to
//! the letter, since an Expires that is not a date must mean "already expired". Whether the weekday
//! fits the date is not asked. httpdate reads more narrowly (no other case, no leap second, no year
//! before 1970) and only writes dates here.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::{HeaderMap, HeaderName, HeaderValue};

const DAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// Fifty mean Gregorian years.
const FIFTY_YEARS: Duration = Duration::from_secs(50 * 31_556_952);
/// The last second that the format can write.
const LAST: Duration = Duration::from_secs(253_402_300_799);

/// Reads a date. `now` places the two-digit years of RFC 850's form.
pub fn parse(value: &HeaderValue, now: SystemTime) -> Option<SystemTime> {
    let text = value.as_bytes().trim_ascii();
    imf_fixdate(text).or_else(|| rfc850_date(text, now)).or_else(|| asctime_date(text))
}

/// The date in a field that must stand on one line alone; `None` where it is absent, repeated or
/// not a date.
pub fn field(headers: &HeaderMap, name: &HeaderName, now: SystemTime) -> Option<SystemTime> {
    let mut lines = headers.get_all(name).iter();
    let value = lines.next()?;
    if lines.next().is_some() {
        return None;
    }
    parse(value, now)
}

/// Writes a date as IMF-fixdate; what lies outside 1970 to 9999 is written as the nearer end.
pub fn format(time: SystemTime) -> HeaderValue {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default().min(LAST);
    HeaderValue::try_from(httpdate::fmt_http_date(UNIX_EPOCH + since))
        .expect("a date is visible ASCII")
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn imf_fixdate(text: &[u8]) -> Option<SystemTime> {
    let text: &[u8; 29] = text.try_into().ok()?;
    let known = DAYS.iter().any(|day| is(&text[..3], &day[..3]));
    let framed = &text[3..5] == b", " && text[7] == b' ' && text[11] == b' ' && text[16] == b' ';
    if !known || !framed || !is(&text[25..], " GMT") {
        return None;
    }
    let time = time_of_day(&text[17..25])?;
    instant(number(&text[12..16])?, month(&text[8..11])?, number(&text[5..7])?, time)
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`. A date that seems to lie more than 50 years ahead lies in the
/// past (RFC 9110 §5.6.7).
fn rfc850_date(text: &[u8], now: SystemTime) -> Option<SystemTime> {
    let comma = text.iter().position(|&byte| byte == b',')?;
    let (day, text) = text.split_at(comma);
    let text: &[u8; 24] = text.try_into().ok()?;
    let known = DAYS.iter().any(|name| is(day, name));
    let framed = &text[..2] == b", " && text[4] == b'-' && text[8] == b'-' && text[11] == b' ';
    if !known || !framed || !is(&text[20..], " GMT") {
        return None;
    }
    let (day, month) = (number(&text[2..4])?, month(&text[5..8])?);
    let (short, time) = (number(&text[9..11])?, time_of_day(&text[12..20])?);

    let horizon = now.checked_add(FIFTY_YEARS)?;
    let seconds = horizon.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    // One year too many rather than one too few: the horizon decides.
    let latest = i64::try_from(1971 + seconds / 31_556_952).ok()?;
    let year = latest - (latest - short).rem_euclid(100);
    // 29 February may exist in one century and not in the next.
    [year, year - 100]
        .into_iter()
        .filter_map(|year| instant(year, month, day, time))
        .find(|time| *time <= horizon)
}

/// `Sun Nov  6 08:49:37 1994`
fn asctime_date(text: &[u8]) -> Option<SystemTime> {
    let text: &[u8; 24] = text.try_into().ok()?;
    let known = DAYS.iter().any(|day| is(&text[..3], &day[..3]));
    if !known || [3, 7, 10, 19].iter().any(|&at| text[at] != b' ') {
        return None;
    }
    let day = if text[8] == b' ' { &text[9..10] } else { &text[8..10] };
    let time = time_of_day(&text[11..19])?;
    instant(number(&text[20..])?, month(&text[4..7])?, number(day)?, time)
}

/// Seconds since midnight of `08:49:37`; 60 seconds are a leap second.
fn time_of_day(text: &[u8]) -> Option<i64> {
    let (hour, minute) = (number(&text[..2])?, number(&text[3..5])?);
    let second = number(&text[6..8])?;
    let valid = text[2] == b':' && text[5] == b':' && hour < 24 && minute < 60 && second <= 60;
    valid.then_some(hour * 3600 + minute * 60 + second)
}

/// The month's number, January being 1.
fn month(text: &[u8]) -> Option<i64> {
    let index = MONTHS.iter().position(|name| is(text, name))?;
    i64::try_from(index + 1).ok()
}

fn number(text: &[u8]) -> Option<i64> {
    super::age::digits(text).and_then(|number| i64::try_from(number).ok())
}

fn is(text: &[u8], name: &str) -> bool {
    text.eq_ignore_ascii_case(name.as_bytes())
}

/// The moment of a Gregorian date and the seconds since its midnight.
fn instant(year: i64, month: i64, day: i64, seconds: i64) -> Option<SystemTime> {
    if day < 1 || day > days_in(year, month) {
        return None;
    }
    // Years begin in March, so that the leap day is their last; eras are 400 years.
    let year = if month > 2 { year } else { year - 1 };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    let seconds = days * 86_400 + seconds;
    let distance = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) }
}

fn days_in(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
#[path = "date_tests.rs"]
mod tests;
