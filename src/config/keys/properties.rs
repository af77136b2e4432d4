//! The part of the table of keys that a site's computed properties have.

use super::super::kind::Default::{Required, Unset};
use super::super::kind::Kind::Text;
use super::super::kind::{Form, Section};
use super::super::texts;
use super::{key, part};

pub(super) static PROPERTY: Section = Section {
    doc: "A field of requests that is computed here, under its name: answers may vary on it, origins \
          see it, and what clients send under that name is dropped. Towards clients Vary names the field \
          that it is computed from.",
    shorthand: None,
    keys: &[
        key(
            "of",
            Text(texts::source),
            Required { example: "\"field:User-Agent\"" },
            "What it is computed from: \"host\", \"path\", \"field:NAME\" or \"cookie:NAME\".",
        ),
        key(
            "default",
            Text(texts::field_value),
            Unset { says: "the field is absent", example: "\"desktop\"" },
            "Its value where nothing matches.",
        ),
    ],
    parts: &[part("values", Form::Inline, &VALUE)],
};

static VALUE: Section = Section {
    doc: "Its values, each for what a regular expression matches; the first that does counts.",
    shorthand: None,
    keys: &[
        key(
            "match",
            Text(texts::pattern),
            Required { example: "\"(?i)mobile|android\"" },
            "The regular expression.",
        ),
        key("is", Text(texts::field_value), Required { example: "\"mobile\"" }, "The value."),
    ],
    parts: &[],
};
