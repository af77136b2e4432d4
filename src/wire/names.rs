//! The field names that nearly every message bears, found without making them: http's own reading of
//! a name copies it in lower case first, and allocates for those that it does not know.

use http::{HeaderName, header};

/// The name spelled `text`, if it is one of the usual, in lower case as HTTP/2 wants it or with
/// capitals as HTTP/1 has it.
pub(super) fn usual(text: &[u8]) -> Option<HeaderName> {
    let last = *text.last()?;
    of_length(text.len())
        .iter()
        .find(|usual| usual.last == last && (usual.lower == text || usual.title == text))
        .map(|usual| usual.name.clone())
}

fn of_length(length: usize) -> &'static [Usual] {
    match length {
        3 => &THREE,
        4 => &FOUR,
        6 => &SIX,
        7 => &SEVEN,
        8 => &EIGHT,
        10 => &TEN,
        12 => &TWELVE,
        13 => &THIRTEEN,
        14 => &FOURTEEN,
        15 => &FIFTEEN,
        16 => &SIXTEEN,
        17 => &SEVENTEEN,
        25 => &TWENTY_FIVE,
        _ => &[],
    }
}

struct Usual {
    /// Tells most of those of a length apart before all of them is compared.
    last: u8,
    lower: &'static [u8],
    title: &'static [u8],
    name: HeaderName,
}

const fn usual_as(title: &'static str, lower: &'static str, name: HeaderName) -> Usual {
    let lower = lower.as_bytes();
    Usual { last: lower[lower.len() - 1], lower, title: title.as_bytes(), name }
}

const fn own(title: &'static str, lower: &'static str) -> Usual {
    usual_as(title, lower, HeaderName::from_static(lower))
}

static THREE: [Usual; 2] =
    [usual_as("Age", "age", header::AGE), usual_as("Via", "via", header::VIA)];
static FOUR: [Usual; 4] = [
    usual_as("Host", "host", header::HOST),
    usual_as("Date", "date", header::DATE),
    usual_as("ETag", "etag", header::ETAG),
    usual_as("Vary", "vary", header::VARY),
];
static SIX: [Usual; 4] = [
    usual_as("Accept", "accept", header::ACCEPT),
    usual_as("Cookie", "cookie", header::COOKIE),
    usual_as("Server", "server", header::SERVER),
    usual_as("Pragma", "pragma", header::PRAGMA),
];
static SEVEN: [Usual; 2] = [
    usual_as("Referer", "referer", header::REFERER),
    usual_as("Expires", "expires", header::EXPIRES),
];
static EIGHT: [Usual; 2] =
    [own("Priority", "priority"), usual_as("Location", "location", header::LOCATION)];
static TEN: [Usual; 3] = [
    usual_as("User-Agent", "user-agent", header::USER_AGENT),
    usual_as("Connection", "connection", header::CONNECTION),
    usual_as("Set-Cookie", "set-cookie", header::SET_COOKIE),
];
static TWELVE: [Usual; 2] = [
    usual_as("Content-Type", "content-type", header::CONTENT_TYPE),
    own("X-Request-Id", "x-request-id"),
];
static THIRTEEN: [Usual; 5] = [
    usual_as("Cache-Control", "cache-control", header::CACHE_CONTROL),
    usual_as("If-None-Match", "if-none-match", header::IF_NONE_MATCH),
    usual_as("Last-Modified", "last-modified", header::LAST_MODIFIED),
    usual_as("Accept-Ranges", "accept-ranges", header::ACCEPT_RANGES),
    usual_as("Authorization", "authorization", header::AUTHORIZATION),
];
static FOURTEEN: [Usual; 5] = [
    own("Sec-Fetch-Dest", "sec-fetch-dest"),
    own("Sec-Fetch-Mode", "sec-fetch-mode"),
    own("Sec-Fetch-Site", "sec-fetch-site"),
    own("Sec-Fetch-User", "sec-fetch-user"),
    usual_as("Content-Length", "content-length", header::CONTENT_LENGTH),
];
static FIFTEEN: [Usual; 3] = [
    usual_as("Accept-Encoding", "accept-encoding", header::ACCEPT_ENCODING),
    usual_as("Accept-Language", "accept-language", header::ACCEPT_LANGUAGE),
    own("X-Forwarded-For", "x-forwarded-for"),
];
static SIXTEEN: [Usual; 3] = [
    usual_as("Content-Encoding", "content-encoding", header::CONTENT_ENCODING),
    usual_as("Content-Language", "content-language", header::CONTENT_LANGUAGE),
    own("Sec-Ch-Ua-Mobile", "sec-ch-ua-mobile"),
];
static SEVENTEEN: [Usual; 3] = [
    usual_as("If-Modified-Since", "if-modified-since", header::IF_MODIFIED_SINCE),
    usual_as("Transfer-Encoding", "transfer-encoding", header::TRANSFER_ENCODING),
    own("X-Forwarded-Proto", "x-forwarded-proto"),
];
static TWENTY_FIVE: [Usual; 2] = [
    usual_as(
        "Upgrade-Insecure-Requests",
        "upgrade-insecure-requests",
        header::UPGRADE_INSECURE_REQUESTS,
    ),
    usual_as(
        "Strict-Transport-Security",
        "strict-transport-security",
        header::STRICT_TRANSPORT_SECURITY,
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usual_name_is_what_http_makes_of_it() {
        let mut found = 0;
        for length in 1..30 {
            for Usual { lower, title, .. } in of_length(length) {
                assert_eq!(lower.len(), length);
                assert!(title.eq_ignore_ascii_case(lower));
                for text in [lower, title] {
                    assert_eq!(usual(text), HeaderName::from_bytes(text).ok());
                }
                let mut other = lower.to_vec();
                other[length - 1] ^= 1;
                assert_eq!(usual(&other), None);
                found += 1;
            }
        }
        assert_eq!(found, 40);
    }
}
