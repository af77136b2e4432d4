//! Responses and requests as the test means them, and as they are written on the wire. The model knows the
//! meaning alone, so that nothing of how it was written can mislead it as it may mislead a parser.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fastrand::Rng;
use http::{HeaderMap, HeaderName, HeaderValue};

/// Seconds since the history began.
pub(super) type Time = i64;

/// The calendar at that time.
pub(super) fn calendar(time: Time) -> SystemTime {
    // A day in 2026.
    let began = UNIX_EPOCH + Duration::from_secs(1_780_000_000);
    let span = Duration::from_secs(time.unsigned_abs());
    if time < 0 { began - span } else { began + span }
}

/// A number of seconds, or what is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seconds {
    Are(i64),
    Nonsense,
}

/// A date, or what is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    Is(Time),
    /// One of those that are told apart by their text alone.
    Nonsense(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Directive {
    MaxAge(Seconds),
    SMaxAge(Seconds),
    StaleWhileRevalidate(i64),
    StaleIfError(i64),
    NoStore,
    NoCache,
    NoCacheOfField,
    Private,
    PrivateOfField,
    Public,
    MustRevalidate,
    ProxyRevalidate,
    MustUnderstand,
    Immutable,
    Unknown,
}

/// A response.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    pub status: u16,
    pub directives: Vec<Directive>,
    pub expires: Vec<Moment>,
    pub date: Option<Moment>,
    pub age: Option<Seconds>,
    pub last_modified: Option<Moment>,
    /// Its number, and whether it is weak.
    pub etag: Option<(u8, bool)>,
    /// It varies on X-A.
    pub vary: bool,
    pub set_cookie: bool,
}

/// A request.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    pub authorization: bool,
    /// X-A.
    pub a: Option<u8>,
}

impl Asked {
    pub(super) fn any(rng: &mut Rng) -> Self {
        let a = rng.bool().then(|| rng.u8(0..2));
        Self { authorization: rng.u8(0..6) == 0, a }
    }

    pub(super) fn fields(&self) -> HeaderMap {
        let mut fields = HeaderMap::new();
        if self.authorization {
            add(&mut fields, "authorization", "Basic eDp5");
        }
        if let Some(a) = self.a {
            add(&mut fields, "x-a", &a.to_string());
        }
        fields
    }
}

impl Said {
    /// A whole response that comes at `now`.
    pub(super) fn any(rng: &mut Rng, now: Time) -> Self {
        const STATUSES: [u16; 12] = [200, 200, 200, 200, 203, 299, 301, 302, 404, 410, 500, 503];
        let count = rng.usize(0..4);
        Self {
            status: STATUSES[rng.usize(..STATUSES.len())],
            directives: (0..count).map(|_| Directive::any(rng)).collect(),
            expires: (0..usize::from(rng.u8(0..8)).saturating_sub(5))
                .map(|_| moment(rng, now))
                .collect(),
            date: (rng.u8(0..4) > 0).then(|| moment(rng, now)),
            age: (rng.u8(0..4) == 0).then(|| seconds(rng)),
            last_modified: (rng.u8(0..3) == 0).then(|| moment(rng, now - 5000)),
            etag: rng.bool().then(|| (rng.u8(0..2), rng.u8(0..3) == 0)),
            vary: rng.u8(0..3) == 0,
            set_cookie: rng.u8(0..10) == 0,
        }
    }

    /// A 304 that comes at `now` for what `stored` is.
    pub(super) fn not_modified(rng: &mut Rng, now: Time, stored: &Self) -> Self {
        let news = Self::any(rng, now);
        let same = rng.u8(0..4) > 0;
        Self {
            status: 304,
            directives: if rng.bool() { news.directives } else { Vec::new() },
            etag: if same { stored.etag } else { news.etag },
            last_modified: if same { stored.last_modified } else { news.last_modified },
            vary: false,
            ..news
        }
    }

    /// As it is written, in one of many ways.
    pub(super) fn fields(&self, rng: &mut Rng) -> HeaderMap {
        let mut fields = HeaderMap::new();
        let mut line = String::new();
        for directive in &self.directives {
            let written = directive.written(rng);
            if line.is_empty() {
                line = written;
            } else if rng.u8(0..4) == 0 {
                add(&mut fields, "cache-control", &line);
                line = written;
            } else {
                let comma = [",", ", ", " ,\t", ",, "][rng.usize(..4)];
                write!(line, "{comma}{written}").expect("a String takes all");
            }
        }
        if !line.is_empty() {
            add(&mut fields, "cache-control", &line);
        }
        self.expires.iter().for_each(|moment| add(&mut fields, "expires", &moment.written()));
        let dates = [("date", self.date), ("last-modified", self.last_modified)];
        for (name, moment) in dates {
            moment.iter().for_each(|moment| add(&mut fields, name, &moment.written()));
        }
        self.age.iter().for_each(|age| add(&mut fields, "age", &age.written(rng, false)));
        if let Some((number, weak)) = self.etag {
            add(&mut fields, "etag", &format!("{}\"{number}\"", if weak { "W/" } else { "" }));
        }
        if self.vary {
            add(&mut fields, "vary", ["x-a", "X-A", "X-Other, x-a"][rng.usize(..3)]);
        }
        if self.set_cookie {
            add(&mut fields, "set-cookie", "a=b");
        }
        fields
    }

    pub(super) fn says(&self, directive: Directive) -> bool {
        self.directives.contains(&directive)
    }
}

impl Directive {
    fn any(rng: &mut Rng) -> Self {
        let span = |rng: &mut Rng| [0, 30, 100, 1000][rng.usize(..4)];
        match rng.u8(0..22) {
            0..6 => Self::MaxAge(seconds(rng)),
            6..9 => Self::SMaxAge(seconds(rng)),
            9 => Self::StaleWhileRevalidate(span(rng)),
            10 => Self::StaleIfError(span(rng)),
            11 => Self::NoStore,
            12 => Self::NoCache,
            13 => Self::NoCacheOfField,
            14 => Self::Private,
            15 => Self::PrivateOfField,
            16 => Self::Public,
            17 => Self::MustRevalidate,
            18 => Self::ProxyRevalidate,
            19 => Self::MustUnderstand,
            20 => Self::Immutable,
            _ => Self::Unknown,
        }
    }

    fn written(self, rng: &mut Rng) -> String {
        let with = |name: &str, argument: String| format!("{name}={argument}");
        let written = match self {
            Self::MaxAge(seconds) => with("max-age", seconds.written(rng, true)),
            Self::SMaxAge(seconds) => with("s-maxage", seconds.written(rng, true)),
            Self::StaleWhileRevalidate(span) => with("stale-while-revalidate", span.to_string()),
            Self::StaleIfError(span) => with("stale-if-error", span.to_string()),
            Self::NoStore => "no-store".to_owned(),
            Self::NoCache => "no-cache".to_owned(),
            Self::NoCacheOfField => "no-cache=\"x-f\"".to_owned(),
            Self::Private => "private".to_owned(),
            Self::PrivateOfField => "private=\"x-f, x-g\"".to_owned(),
            Self::Public => "public".to_owned(),
            Self::MustRevalidate => "must-revalidate".to_owned(),
            Self::ProxyRevalidate => "proxy-revalidate".to_owned(),
            Self::MustUnderstand => "must-understand".to_owned(),
            Self::Immutable => "immutable".to_owned(),
            Self::Unknown => "x=\"no-store, max-age=5, \\\", private\"".to_owned(),
        };
        // Names have no case, and strings are somebody else's.
        if rng.u8(0..4) == 0 && !written.contains('"') { written.to_uppercase() } else { written }
    }
}

impl Seconds {
    fn written(self, rng: &mut Rng, may_be_quoted: bool) -> String {
        match self {
            Self::Nonsense => ["-5", "5.0", "x5", "5s"][rng.usize(..4)].to_owned(),
            Self::Are(number) => match rng.u8(0..4) {
                0 => format!("00{number}"),
                1 if may_be_quoted => format!("\"{number}\""),
                _ => number.to_string(),
            },
        }
    }
}

impl Moment {
    fn written(self) -> String {
        match self {
            Self::Nonsense(which) => {
                let texts = ["0", "yesterday", "", "Thu, 01 Jan 2026 0:00:00 GMT"];
                texts[usize::from(which)].to_owned()
            }
            Self::Is(time) => httpdate::fmt_http_date(calendar(time)),
        }
    }
}

fn seconds(rng: &mut Rng) -> Seconds {
    match rng.u8(0..8) {
        0 => Seconds::Nonsense,
        1 => Seconds::Are(i64::MAX),
        _ => Seconds::Are([0, 1, 10, 60, 600][rng.usize(..5)]),
    }
}

fn moment(rng: &mut Rng, now: Time) -> Moment {
    match rng.u8(0..8) {
        0 => Moment::Nonsense(rng.u8(0..4)),
        1..4 => Moment::Is(now),
        _ => Moment::Is(now + rng.i64(-100..=200)),
    }
}

fn add(fields: &mut HeaderMap, name: &'static str, value: &str) {
    let value = HeaderValue::from_str(value).expect("what is written here is a field's value");
    fields.append(HeaderName::from_static(name), value);
}
