//! Vary and what it selects by (RFC 9111 §4.1, RFC 9110 §12.5.5).
//!
//! A [`Selecting`] is a stored response's copy of the fields that Vary names, in normal form; it is
//! made once and compared with every request without needing memory. The scheme, the first variant
//! axis, is not a field and stands elsewhere. How many variants a key may have is the store's to
//! bound; how many fields Vary may name is bounded here.

use http::header::{HeaderMap, HeaderName, VARY};

use super::{list, normal_form};

/// Names beyond which a Vary counts as `*`.
const MAX_NAMES: usize = 16;

/// Fields that this hop rewrites, if a site wants it: what a client sent of them is not what the origin saw, so a response
/// that varies on one is for nobody else.
const OF_OUR_HOP: [&str; 4] = ["x-forwarded-for", "via", "x-client-ip", "x-request-id"];

/// What a response varies on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Vary {
    /// Nothing.
    None,
    /// These fields of the request, sorted, each once.
    Names(Box<[HeaderName]>),
    /// Everything: it matches no other request.
    Any,
}

impl Vary {
    /// Reads Vary. `*` anywhere in the list means everything (RFC 9111 §4.1), and so do names that
    /// are none and more names than anybody needs.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut names = Vec::new();
        for member in list::members(headers, &VARY) {
            match HeaderName::from_bytes(member) {
                Ok(name) if member != b"*" && !OF_OUR_HOP.contains(&name.as_str()) => {
                    if !names.contains(&name) {
                        names.push(name);
                    }
                }
                _ => return Self::Any,
            }
            if names.len() > MAX_NAMES {
                return Self::Any;
            }
        }
        if names.is_empty() {
            return Self::None;
        }
        names.sort_unstable_by(|one, two| one.as_str().cmp(two.as_str()));
        Self::Names(names.into())
    }

    /// The same without the field `name`.
    #[must_use]
    pub fn without(self, name: &HeaderName) -> Self {
        match self {
            Self::Names(names) if *names == [name.clone()] => Self::None,
            Self::Names(names) => {
                Self::Names(names.into_iter().filter(|other| other != name).collect())
            }
            Self::None | Self::Any => self,
        }
    }

    /// Whether `name` is one of the fields.
    pub fn names(&self, name: &HeaderName) -> bool {
        matches!(self, Self::Names(names) if names.contains(name))
    }

    /// What of `request` selects the response; `None` where nothing can select it again.
    pub fn select(&self, request: &HeaderMap) -> Option<Selecting> {
        let names: &[HeaderName] = match self {
            Self::None => &[],
            Self::Names(names) => names,
            Self::Any => return None,
        };
        let select = |name: &HeaderName| {
            let form = request.contains_key(name).then(|| {
                let mut form = Vec::new();
                normal_form::write(request, name, |piece| form.extend_from_slice(piece));
                form.into_boxed_slice()
            });
            Selected { name: name.clone(), form, sent: Sent(single(request, name).map(Into::into)) }
        };
        Some(Selecting(names.iter().map(select).collect()))
    }
}

/// The request fields by which a response was selected, in normal form; an absent field is none,
/// and differs from an empty one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Selecting(Box<[Selected]>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Selected {
    name: HeaderName,
    form: Option<Box<[u8]>>,
    sent: Sent,
}

/// The field as the first request sent it, where it was one line. Many clients send the same bytes,
/// and equal bytes have equal normal forms; what is selected does not depend on it.
#[derive(Clone, Debug)]
struct Sent(Option<Box<[u8]>>);

impl PartialEq for Sent {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Sent {}

impl std::hash::Hash for Sent {
    fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
}

/// The value of field `name` where it is one line.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let mut lines = headers.get_all(name).iter();
    let line = lines.next()?;
    lines.next().is_none().then_some(line.as_bytes())
}

impl Selecting {
    /// Whether `request` selects the same response (RFC 9111 §4.1).
    pub fn matches(&self, request: &HeaderMap) -> bool {
        self.0.iter().all(|selected| selected.matches(request))
    }

    /// The names of the fields.
    pub fn names(&self) -> impl Iterator<Item = &HeaderName> {
        self.0.iter().map(|field| &field.name)
    }

    /// What it is selected by, which clients need not be shown as it is.
    pub fn vary(&self) -> Vary {
        if self.0.is_empty() { Vary::None } else { Vary::Names(self.names().cloned().collect()) }
    }

    /// Bytes that this holds beside itself.
    pub fn weight(&self) -> usize {
        let bytes = |field: &Selected| {
            let (form, sent) = (field.form.as_deref(), field.sent.0.as_deref());
            field.name.as_str().len() + form.map_or(0, <[u8]>::len) + sent.map_or(0, <[u8]>::len)
        };
        size_of_val(&*self.0) + self.0.iter().map(bytes).sum::<usize>()
    }
}

impl Selected {
    fn matches(&self, request: &HeaderMap) -> bool {
        let Self { name, form, sent } = self;
        let Some(form) = form else { return !request.contains_key(name) };
        if sent.0.is_some() && sent.0.as_deref() == single(request, name) {
            return true;
        }
        let mut rest = request.contains_key(name).then_some(&**form);
        normal_form::write(request, name, |piece| {
            rest = rest.and_then(|rest| rest.strip_prefix(piece));
        });
        rest.is_some_and(<[u8]>::is_empty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn vary(lines: &[&'static str]) -> Vary {
        let fields: Vec<_> = lines.iter().map(|line| ("vary", *line)).collect();
        Vary::of(&headers(&fields))
    }

    #[test]
    fn a_star_anywhere_is_everything_rfc9111_4_1() {
        for lines in [
            &["*"][..],
            &["*, *"],
            &["*", "*"],
            &[", *"],
            &["", "*"],
            &["*, Foo"],
            &["Foo, *"],
            &["Foo", " * "],
            &["Foo bar"],
            &["\"*\""],
        ] {
            assert_eq!(vary(lines), Vary::Any, "{lines:?}");
            assert_eq!(vary(lines).select(&HeaderMap::new()), None);
        }
        let many: String = (0..=MAX_NAMES).map(|n| format!("x{n},")).collect();
        let mut headers = HeaderMap::new();
        headers.insert(VARY, many.parse().unwrap());
        assert_eq!(Vary::of(&headers), Vary::Any);
        let most: String = (0..MAX_NAMES).map(|n| format!("x{n},")).collect();
        headers.insert(VARY, most.parse().unwrap());
        assert!(matches!(Vary::of(&headers), Vary::Names(names) if names.len() == MAX_NAMES));
    }

    #[test]
    fn what_is_selected_by_weighs_its_names_and_twice_its_values() {
        let weight = |request: &[(&'static str, &'static str)]| {
            vary(&["x-a, x-bb"]).select(&headers(request)).unwrap().weight()
        };
        let names = 2 * size_of::<Selected>() + "x-ax-bb".len();
        assert_eq!(weight(&[]), names);
        assert_eq!(weight(&[("x-a", "1234")]), names + 8);
        assert_eq!(weight(&[("x-a", "1234"), ("x-bb", "567")]), names + 14);
        // Of several lines the form alone is kept.
        assert_eq!(weight(&[("x-a", "1"), ("x-a", "2")]), names + "1, 2".len());
        assert_eq!(Vary::None.select(&HeaderMap::new()).unwrap().weight(), 0);
    }

    #[test]
    fn names_are_one_sorted_set() {
        assert_eq!(vary(&[]), Vary::None);
        assert_eq!(vary(&["", " ,"]), Vary::None);
        assert_eq!(vary(&["Foo, bar", "FOO"]), vary(&["bar,foo"]));
        let Vary::Names(names) = vary(&["b, a", "c"]) else { panic!() };
        assert_eq!(*names, ["a", "b", "c"].map(HeaderName::from_static));
    }

    /// Whether a response chosen for `first` under `vary` is chosen for `second`; both ways to find
    /// out must agree.
    fn same(
        names: &'static str,
        first: &[(&'static str, &'static str)],
        second: &[(&'static str, &'static str)],
    ) -> bool {
        let vary = vary(&[names]);
        let (first, second) = (headers(first), headers(second));
        let selecting = vary.select(&first).unwrap();
        assert!(selecting.matches(&first));
        assert_eq!(selecting.vary(), vary);
        let same = selecting.matches(&second);
        assert_eq!(same, selecting == vary.select(&second).unwrap());
        same
    }

    #[test]
    fn requests_match_where_the_named_fields_do_rfc9111_4_1() {
        assert!(same("foo", &[("foo", "1")], &[("foo", "1"), ("other", "3")]));
        assert!(!same("foo", &[("foo", "1")], &[("foo", "2")]));
        assert!(!same("foo", &[("foo", "1")], &[("foo", "11")]));
        assert!(!same("foo", &[("foo", "11")], &[("foo", "1")]));
        assert!(same("foo", &[("foo", "1, 2")], &[("foo", "1"), ("foo", "2")]));
        assert!(same("accept", &[("accept", "1,2")], &[("accept", " 1,\t2 ")]));
        assert!(!same("foo", &[("foo", "1,2")], &[("foo", " 1,\t2 ")]));
        assert!(same("foo, bar", &[("foo", "1"), ("bar", "2")], &[("bar", "2"), ("foo", "1")]));
        assert!(!same("foo, bar", &[("foo", "1"), ("bar", "2")], &[("foo", "1"), ("bar", "3")]));
        assert!(same(
            "foo, bar, baz",
            &[("foo", "1"), ("baz", "3")],
            &[("foo", "1"), ("baz", "3")]
        ));
        assert!(same(
            "accept-language",
            &[("accept-language", "en, de")],
            &[("accept-language", "de,EN")]
        ));
        assert!(!same(
            "accept-encoding",
            &[("accept-encoding", "gzip")],
            &[("accept-encoding", "gzip, br")]
        ));
    }

    #[test]
    fn a_field_can_be_left_out() {
        let cookie = HeaderName::from_static("cookie");
        assert_eq!(vary(&["a, cookie, b"]).without(&cookie), vary(&["a, b"]));
        assert_eq!(vary(&["cookie"]).without(&cookie), Vary::None);
        assert_eq!(vary(&["a"]).without(&cookie), vary(&["a"]));
        assert_eq!(vary(&["*"]).without(&cookie), Vary::Any);
        assert_eq!(vary(&["b, a"]).select(&HeaderMap::new()).unwrap().vary(), vary(&["a, b"]));
    }

    #[test]
    fn absent_and_empty_differ_rfc9111_4_1() {
        assert!(!same("foo", &[("foo", "1")], &[]));
        assert!(!same("foo", &[], &[("foo", "")]));
        assert!(!same("foo", &[("foo", "")], &[]));
        assert!(same("foo", &[], &[]));
        assert!(same("accept", &[("accept", "")], &[("accept", " ,")]));
    }

    #[test]
    fn what_varies_on_a_field_that_our_hop_rewrites_is_for_nobody_else() {
        for field in ["X-Forwarded-For", "accept, Via"] {
            assert_eq!(Vary::of(&headers(&[("vary", field)])), Vary::Any, "{field}");
        }
    }

    #[test]
    fn without_vary_every_request_matches() {
        let selecting = Vary::None.select(&headers(&[("foo", "1")])).unwrap();
        assert_eq!((&selecting, selecting.vary()), (&Selecting::default(), Vary::None));
        assert!(selecting.matches(&headers(&[("bar", "2")])));
        assert_eq!(selecting.weight(), 0);
    }
}
