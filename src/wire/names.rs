//! The field names that nearly every message bears, found without making them: http's own reading of
//! a name copies it in lower case first, and allocates for those that it does not know.

use http::{HeaderName, header};

/// The name spelled `text` in whatever case, if it is one of the usual.
pub(super) fn usual(text: &[u8]) -> Option<HeaderName> {
    let names: &[HeaderName] = match text.len() {
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
        _ => return None,
    };
    let first = text.first()?.to_ascii_lowercase();
    let is = |name: &&HeaderName| {
        let name = name.as_str().as_bytes();
        name.first() == Some(&first) && name.eq_ignore_ascii_case(text)
    };
    names.iter().find(is).cloned()
}

const fn own(name: &'static str) -> HeaderName {
    HeaderName::from_static(name)
}

static THREE: [HeaderName; 2] = [header::AGE, header::VIA];
static FOUR: [HeaderName; 4] = [header::HOST, header::DATE, header::ETAG, header::VARY];
static SIX: [HeaderName; 4] = [header::ACCEPT, header::COOKIE, header::SERVER, header::PRAGMA];
static SEVEN: [HeaderName; 2] = [header::REFERER, header::EXPIRES];
static EIGHT: [HeaderName; 2] = [own("priority"), header::LOCATION];
static TEN: [HeaderName; 3] = [header::USER_AGENT, header::CONNECTION, header::SET_COOKIE];
static TWELVE: [HeaderName; 2] = [header::CONTENT_TYPE, own("x-request-id")];
static THIRTEEN: [HeaderName; 5] = [
    header::CACHE_CONTROL,
    header::IF_NONE_MATCH,
    header::LAST_MODIFIED,
    header::ACCEPT_RANGES,
    header::AUTHORIZATION,
];
static FOURTEEN: [HeaderName; 5] = [
    own("sec-fetch-dest"),
    own("sec-fetch-mode"),
    own("sec-fetch-site"),
    own("sec-fetch-user"),
    header::CONTENT_LENGTH,
];
static FIFTEEN: [HeaderName; 3] =
    [header::ACCEPT_ENCODING, header::ACCEPT_LANGUAGE, own("x-forwarded-for")];
static SIXTEEN: [HeaderName; 3] =
    [header::CONTENT_ENCODING, header::CONTENT_LANGUAGE, own("sec-ch-ua-mobile")];
static SEVENTEEN: [HeaderName; 3] =
    [header::IF_MODIFIED_SINCE, header::TRANSFER_ENCODING, own("x-forwarded-proto")];
static TWENTY_FIVE: [HeaderName; 2] =
    [header::UPGRADE_INSECURE_REQUESTS, header::STRICT_TRANSPORT_SECURITY];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usual_name_is_the_same_name_in_every_case() {
        let mut found = 0;
        for list in [
            &THREE[..],
            &FOUR,
            &SIX,
            &SEVEN,
            &EIGHT,
            &TEN,
            &TWELVE,
            &THIRTEEN,
            &FOURTEEN,
            &FIFTEEN,
            &SIXTEEN,
            &SEVENTEEN,
            &TWENTY_FIVE,
        ] {
            for name in list {
                let text = name.as_str();
                assert_eq!(usual(text.as_bytes()).as_ref(), Some(name), "{text}: a wrong list");
                assert_eq!(usual(text.to_ascii_uppercase().as_bytes()).as_ref(), Some(name));
                let other = text.replace(text.chars().last().unwrap(), "0");
                assert_eq!(usual(other.as_bytes()), None);
                found += 1;
            }
        }
        assert_eq!(found, 40);
    }
}
