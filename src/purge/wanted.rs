//! Orders as people and programs write them, in JSON: read, found at the [`Desk`], and put in force or
//! only counted. What is wrong with one is told in words that name the field; nothing is purged by it.
//!
//! ```json
//! {"url": "https://wiki.test/wiki/Tide"}
//! {"tag": "page-42", "site": "wiki", "mode": "hard"}
//! {"prefix": "https://wiki.test/wiki/Tide/"}
//! {"regex": "\\?action=history$", "site": "wiki"}
//! {"site": "wiki"}
//! {"everything": true, "dry": true}
//! ```

use std::fmt;

use serde_json::{Map, Value, json};

use super::{Desk, Kind, NoPage, Order, What, mode_of, note, word};
use crate::base::SiteId;
use crate::store::{Expression, Mode, Scope};

/// The fields that an order may have.
const FIELDS: &str = "url, tag, prefix, regex, site, everything, mode, dry";

/// What is to be purged, as it was written.
#[derive(Debug)]
pub struct Wanted {
    what: Written,
    mode: Option<Mode>,
    dry: bool,
}

#[derive(Debug)]
enum Written {
    Url(String),
    Tag(String, String),
    Prefix(String),
    Matching(Expression, Option<String>),
    Site(String),
    Everything,
}

/// Why an order is not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is no order: what is wrong with it.
    Bad(String),
    /// This node has no such site.
    UnknownSite(String),
    /// This node has no site for the URL's host.
    UnknownHost,
    /// Whoever sends it may not purge that.
    Forbidden,
    /// Whoever sends it has sent too many.
    TooMany,
    /// It is in force here, and not on every node through which this one fetches.
    NotRelayed(String),
}

impl Refused {
    /// The word for it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Bad(_) => "bad-order",
            Self::UnknownSite(_) => "unknown-site",
            Self::UnknownHost => "unknown-host",
            Self::Forbidden => "forbidden",
            Self::TooMany => "too-many",
            Self::NotRelayed(_) => "not-relayed",
        }
    }

    fn bad(what: impl fmt::Display) -> Self {
        Self::Bad(what.to_string())
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bad(what) => f.write_str(what),
            Self::UnknownSite(name) => write!(f, "there is no site `{name}` on this node"),
            Self::UnknownHost => f.write_str("no site on this node has the URL's host"),
            Self::Forbidden => f.write_str("this token may not purge that"),
            Self::NotRelayed(why) => {
                write!(
                    f,
                    "in force here, but not on every node through which this one fetches: {why}"
                )
            }
            Self::TooMany => {
                f.write_str("more orders than this token's rate allows; send it later")
            }
        }
    }
}

/// What became of an order that was carried out, or only counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// What kind it was of.
    pub kind: Kind,
    /// How it purged.
    pub mode: Mode,
    /// Its number in the node's sequence; none where it was only counted.
    pub seq: Option<u64>,
    /// Entries that it touched, or would touch, where that is known.
    pub entries: Option<u64>,
}

impl Done {
    /// What whoever ordered it is told.
    pub fn to_json(self) -> Value {
        let (kind, mode) = (self.kind.as_str(), word(self.mode));
        let mut said = json!({ "ok": true, "kind": kind, "mode": mode });
        if let Some(seq) = self.seq {
            said["seq"] = seq.into();
        }
        if let Some(entries) = self.entries {
            said["entries"] = entries.into();
        }
        if let Some(note) = note(self.mode) {
            said["note"] = note.into();
        }
        said
    }
}

impl Wanted {
    /// Reads an order.
    ///
    /// # Errors
    /// [`Refused::Bad`] says what is wrong with it.
    pub fn read(text: &[u8]) -> Result<Self, Refused> {
        let value = serde_json::from_slice(text)
            .map_err(|why| Refused::bad(format_args!("no JSON: {why}")))?;
        Self::of(value)
    }

    /// The order that `value` is.
    ///
    /// # Errors
    /// [`Refused::Bad`] says what is wrong with it.
    pub fn of(value: Value) -> Result<Self, Refused> {
        let Value::Object(mut fields) = value else {
            return Err(Refused::bad(
                "an order is an object, such as {\"url\": \"https://host/path\"}",
            ));
        };
        let mode = match text(&mut fields, "mode")? {
            None => None,
            Some(mode) => Some(mode_of(mode.as_bytes()).ok_or_else(|| {
                Refused::bad(format_args!("`mode` is \"hard\" or \"soft\", not \"{mode}\""))
            })?),
        };
        let dry = match fields.remove("dry") {
            None => false,
            Some(Value::Bool(dry)) => dry,
            Some(_) => return Err(Refused::bad("`dry` is true or false")),
        };
        let what = Written::of(&mut fields)?;
        match fields.keys().next() {
            Some(left) => {
                let what =
                    format_args!("`{left}` does not go with the rest; an order has of {FIELDS}");
                Err(Refused::bad(what))
            }
            None => Ok(Self { what, mode, dry }),
        }
    }

    /// It as [`read`](Self::read) reads it.
    pub fn to_json(&self) -> Value {
        let mut order = match &self.what {
            Written::Url(url) => json!({ "url": url }),
            Written::Tag(tag, site) => json!({ "tag": tag, "site": site }),
            Written::Prefix(url) => json!({ "prefix": url }),
            Written::Matching(expression, None) => json!({ "regex": expression.as_str() }),
            Written::Matching(expression, Some(site)) => {
                json!({ "regex": expression.as_str(), "site": site })
            }
            Written::Site(site) => json!({ "site": site }),
            Written::Everything => json!({ "everything": true }),
        };
        if let Some(mode) = self.mode {
            order["mode"] = word(mode).into();
        }
        if self.dry {
            order["dry"] = true.into();
        }
        order
    }

    /// Whether it only asks how many entries it would touch.
    pub fn is_dry(&self) -> bool {
        self.dry
    }

    /// The URL that it is about, of a page or of all below it.
    pub fn url(&self) -> Option<&str> {
        match &self.what {
            Written::Url(url) | Written::Prefix(url) => Some(url),
            _ => None,
        }
    }

    /// What kind of thing it purges.
    pub fn kind(&self) -> Kind {
        match &self.what {
            Written::Url(_) => Kind::Url,
            Written::Tag(..) => Kind::Tag,
            Written::Prefix(_) => Kind::Prefix,
            Written::Matching(..) => Kind::Regex,
            Written::Site(_) => Kind::Site,
            Written::Everything => Kind::Everything,
        }
    }

    /// Finds what it means at `desk` and hands that to `take`, unless the sites for which `may` says no
    /// are among it: `None` stands for all of them.
    ///
    /// # Errors
    /// It means nothing on this node, or `may` said no.
    pub fn at<T>(
        &self,
        desk: &Desk,
        may: impl Fn(Option<&str>) -> bool,
        take: impl FnOnce(Order<'_>) -> T,
    ) -> Result<T, Refused> {
        let allowed = |site: Option<&str>| may(site).then_some(()).ok_or(Refused::Forbidden);
        let named = |name: &str| -> Result<SiteId, Refused> {
            allowed(Some(name))?;
            desk.site(name).ok_or_else(|| Refused::UnknownSite(name.to_owned()))
        };
        let page = |url: &str| {
            let page = desk.page(url).map_err(|why| match why {
                NoPage::BadUrl => Refused::bad(format_args!(
                    "`{url}` is no URL of a page: https://host/path, escaped as in a request"
                )),
                NoPage::UnknownHost => Refused::UnknownHost,
            })?;
            allowed(Some(&page.site.name))?;
            Ok(page)
        };
        let done = |what: What<'_>| take(Order::new(what, self.mode));
        match &self.what {
            Written::Url(url) => Ok(done(What::Key(page(url)?.key.key()))),
            Written::Tag(tag, site) => {
                Ok(done(What::All(Scope::Tag(named(site)?, tag.as_bytes()))))
            }
            Written::Prefix(url) => {
                let page = page(url)?;
                Ok(done(What::All(Scope::Prefix(page.site.id, page.key.as_str()))))
            }
            Written::Matching(expression, site) => {
                let site = site.as_deref().map(named).transpose()?;
                if site.is_none() {
                    allowed(None)?;
                }
                Ok(done(What::All(Scope::Matching(site, expression))))
            }
            Written::Site(site) => Ok(done(What::All(Scope::Site(named(site)?)))),
            Written::Everything => {
                allowed(None)?;
                Ok(done(What::All(Scope::Everything)))
            }
        }
    }
}

impl Written {
    /// Takes out of `fields` what is to be purged.
    fn of(fields: &mut Map<String, Value>) -> Result<Self, Refused> {
        if let Some(url) = text(fields, "url")? {
            return Ok(Self::Url(url));
        }
        if let Some(url) = text(fields, "prefix")? {
            if url.contains(['?', '#']) {
                return Err(Refused::bad(
                    "`prefix` is a URL without a query: it ends with a segment",
                ));
            }
            return Ok(Self::Prefix(url));
        }
        let site = text(fields, "site")?;
        if let Some(tag) = text(fields, "tag")? {
            if tag.is_empty() {
                return Err(Refused::bad("`tag` is empty, and nothing carries that"));
            }
            let site = site.ok_or_else(|| Refused::bad("a `tag` is one site's: add `site`"))?;
            return Ok(Self::Tag(tag, site));
        }
        if let Some(expression) = text(fields, "regex")? {
            let built = Expression::new(&expression);
            let built = built.map_err(|why| Refused::bad(format_args!("`regex`: {why}")))?;
            return Ok(Self::Matching(built, site));
        }
        if let Some(site) = site {
            return Ok(Self::Site(site));
        }
        match fields.remove("everything") {
            Some(Value::Bool(true)) => Ok(Self::Everything),
            Some(_) => Err(Refused::bad("`everything` is true, or is left out")),
            None => {
                Err(Refused::bad(format_args!("it does not say what to purge: one of {FIELDS}")))
            }
        }
    }
}

/// Takes the text `name` out of `fields`.
fn text(fields: &mut Map<String, Value>, name: &str) -> Result<Option<String>, Refused> {
    match fields.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Refused::bad(format_args!("`{name}` is a text"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_says_one_thing_and_how() {
        for (text, kind, mode) in [
            (r#"{"url": "http://w.test/a"}"#, Kind::Url, None),
            (r#"{"tag": "a b", "site": "w", "mode": "hard"}"#, Kind::Tag, Some(Mode::Hard)),
            (r#"{"prefix": "http://w.test/a/"}"#, Kind::Prefix, None),
            (r#"{"regex": "a$"}"#, Kind::Regex, None),
            (r#"{"regex": "a$", "site": "w"}"#, Kind::Regex, None),
            (r#"{"site": "w", "mode": "soft"}"#, Kind::Site, Some(Mode::Soft)),
            (r#"{"everything": true}"#, Kind::Everything, None),
        ] {
            let wanted = Wanted::read(text.as_bytes()).unwrap();
            assert_eq!((wanted.kind(), wanted.mode), (kind, mode), "{text}");
        }
    }

    #[test]
    fn what_is_no_order_is_refused_in_words() {
        for (text, says) in [
            ("", "no JSON"),
            ("{", "no JSON"),
            ("[]", "an order is an object"),
            ("{}", "does not say what to purge"),
            (r#"{"mode": "soft"}"#, "does not say what to purge"),
            (r#"{"everything": true, "dry": "yes"}"#, "`dry` is true or false"),
            (r#"{"url": 5}"#, "`url` is a text"),
            (r#"{"url": "http://w.test/", "mode": "gentle"}"#, "not \"gentle\""),
            (r#"{"url": "http://w.test/", "site": "w"}"#, "`site` does not go with the rest"),
            (r#"{"url": "http://w.test/", "url2": "x"}"#, "`url2` does not go with the rest"),
            (r#"{"tag": "a"}"#, "add `site`"),
            (r#"{"tag": "", "site": "w"}"#, "`tag` is empty"),
            (r#"{"prefix": "http://w.test/a?b"}"#, "without a query"),
            (r#"{"regex": "a("}"#, "unclosed group"),
            (r#"{"everything": false}"#, "`everything` is true"),
        ] {
            let Err(Refused::Bad(error)) = Wanted::read(text.as_bytes()) else {
                panic!("{text} was taken")
            };
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
