//! Content-Length: spellings of its value and of its name, in both versions, and repeated
//! (RFC 9112 §6.2, §6.3).

use super::corpus::{Corpus, SMUGGLED, request};

/// Methods whose body is passed on, and one whose body means nothing.
pub const METHODS: [&str; 3] = ["POST", "PUT", "GET"];

/// Adds the whole family.
pub fn add(corpus: &mut Corpus) {
    lengths(corpus);
    names(corpus);
    repeated(corpus);
}

/// Every spelling of a length that is none.
const NO_LENGTHS: [&str; 48] = [
    "",
    " ",
    "\t",
    "+N",
    "-N",
    "-0",
    "N,N",
    "N, N",
    "N,0",
    "0,N",
    "N;",
    "N;q=1",
    "N.0",
    "N e0",
    "0xH",
    "0XH",
    "Hh",
    "#H",
    "N_",
    "_N",
    "N N",
    "\"N\"",
    "'N'",
    "N\0",
    "\0N",
    "N\x0b",
    "\x0bN",
    "\x0cN",
    "N\x0c",
    "N\x7f",
    "N\rX: y",
    "\rN",
    "N\r\r",
    "N/2",
    "N%20",
    "{N}",
    "[N]",
    "N\u{a0}",
    "\u{a0}N",
    "\u{664}\u{665}",
    "18446744073709551616",
    "18446744073709551660",
    "99999999999999999999",
    "184467440737095516160",
    "1e2",
    "NaN",
    "N-N",
    "N,",
];

fn lengths(corpus: &mut Corpus) {
    let length = SMUGGLED.len();
    let spelled = |value: &str| {
        value
            .replace("#H", &format!("#{length:x}"))
            .replace("Hh", &format!("{length:x}h"))
            .replace('H', &format!("{length:x}"))
            .replace("NaN", "not")
            .replace('N', &length.to_string())
    };
    for method in METHODS {
        for value in NO_LENGTHS {
            for version in ["1.1", "1.0\r\nConnection: keep-alive"] {
                let head = format!("{method} /m/IDIDI HTTP/{version}\r\nHost: wiki.test\r\n");
                let field = format!("Content-Length: {}\r\n", spelled(value));
                let bytes = format!("{head}{field}\r\n{SMUGGLED}");
                corpus.add("no length", "400 closed", bytes);
            }
        }
        for value in ["N", " N ", "\tN\t", "0N", "000000000000000000000000000000000000N"] {
            for name in ["Content-Length", "content-length", "CONTENT-LENGTH", "cOnTeNt-lEnGtH"] {
                let field = format!("{name}:{}\r\n", spelled(value));
                corpus.add("length", "200 kept", request(method, &field, SMUGGLED));
            }
        }
        for value in ["18446744073709551615", "18446744073709551614", "18446744073709551613"] {
            let field = format!("Content-Length: {value}\r\n");
            corpus.add(
                "endless length",
                "413 closed|431 closed",
                request(method, &field, SMUGGLED),
            );
        }
        for value in ["9223372036854775807", "104857601"] {
            let field = format!("Content-Length: {value}\r\n");
            corpus.add("large length", "413 closed", request(method, &field, SMUGGLED));
        }
        for more in [200, 100_000_000] {
            let field = format!("Content-Length: {more}\r\n");
            corpus.add("longer than the body", "408 closed", request(method, &field, SMUGGLED));
        }
    }
}

/// Names that are not Content-Length, whatever somebody else may take them for.
fn names(corpus: &mut Corpus) {
    for method in METHODS {
        for name in [
            "Content-Length ",
            "Content-Length\t",
            "Content-Length\0",
            "Content-Length\x0b",
            "\x0bContent-Length",
            "Content-Length\r",
            "Content Length",
            "Content-\r\nLength",
            "Content-\nLength",
            "(Content-Length)",
            "Content-Length\u{a0}",
            "Content\u{2010}Length",
            "Content-Length:",
            "\"Content-Length\"",
            "Content-Length\x7f",
            "\0Content-Length",
            "Content-Len\u{17f}th",
            "Content-Length=5;",
            "Content-Length,",
            "Content-Length\r\n ",
            "[Content-Length]",
            "Content/Length",
            "@Content-Length",
            "{Content-Length",
        ] {
            let field = format!("{name}: {}\r\n", SMUGGLED.len());
            corpus.add("no name", "400 closed", request(method, &field, SMUGGLED));
            corpus.add(
                "no name",
                "400 closed",
                request(method, &format!("X-A: b\r\n{field}"), SMUGGLED),
            );
        }
        // Another field: there is no body, so nothing hides in one.
        for name in [
            "Content_Length",
            "content_length",
            "X-Content-Length",
            "Content-Lengt",
            "Content-Lengthh",
            "Content--Length",
        ] {
            let field = format!("{name}: 5\r\n");
            corpus.add("another name", "200 kept", request(method, &field, ""));
        }
    }
}

fn repeated(corpus: &mut Corpus) {
    let n = SMUGGLED.len();
    let other = n + 10;
    for method in METHODS {
        for (first, second) in [
            (format!("{n}"), "0".to_owned()),
            ("0".to_owned(), format!("{n}")),
            (format!("{n}"), format!("{other}")),
            (format!("{other}"), format!("{n}")),
            (format!("{n}"), String::new()),
            (String::new(), format!("{n}")),
            (format!("{n}"), format!("+{n}")),
            (format!("{n}"), format!("{n},{n}")),
            (format!("{n}"), "x".to_owned()),
            (format!("{n}"), "18446744073709551661".to_owned()),
        ] {
            for between in ["", "X-A: b\r\n", "X-A: b\r\nX-B: c\r\nX-C: d\r\n"] {
                let fields =
                    format!("Content-Length: {first}\r\n{between}content-length: {second}\r\n");
                corpus.add("lengths that differ", "400 closed", request(method, &fields, SMUGGLED));
            }
        }
        for (first, second) in [
            (format!("{n}"), format!("{n}")),
            (format!("{n}"), format!("0{n}")),
            (format!("00{n}"), format!("{n}")),
        ] {
            for between in ["", "X-A: b\r\n"] {
                let fields =
                    format!("Content-Length: {first}\r\n{between}Content-length: {second}\r\n");
                corpus.add("lengths that agree", "200 kept", request(method, &fields, SMUGGLED));
            }
        }
    }
}
