//! The part of the table of keys that sites have: all of a site's policy. `profile` gives defaults
//! to the others and does nothing itself.

use super::super::kind::Default::{Is, OfProfile, Required, Unset};
use super::super::kind::Kind::{
    Boolean, Choice, ChoiceOrText, Cluster, Hosts, Integer, Path, Size, Text, Texts,
};
use super::super::kind::{Form, Part, Section};
use super::super::texts;
use super::properties::PROPERTY;
use super::routes::ROUTE;
use super::unkeyed::UNKEYED;
use super::{ANY_TIME, key, lifetimes};

pub(super) static SITE: Section = Section {
    doc: "A set of hosts with one policy and one cluster, under a name of yours.",
    shorthand: None,
    keys: &[
        key(
            "hosts",
            Hosts,
            Required { example: "[\"*.wiki.test\", \"wiki.test\"]" },
            "Names, \"*.suffix\" or \"*\". An exact name comes before the longest suffix, and that \
             before \"*\"; the file's order does not matter.",
        ),
        key("cluster", Cluster, Required { example: "\"wiki\"" }, "The cluster that answers."),
        key(
            "profile",
            Choice(&["plain", "mediawiki", "upload"]),
            Is("\"plain\""),
            "Sets defaults for the keys below: \"plain\" is the RFCs and no more, \"mediawiki\" is for \
             a wiki's pages, \"upload\" for its media.",
        ),
        key(
            "max_request_body",
            Size { least: 0, most: u64::MAX },
            Is("\"100MiB\""),
            "The largest request body.",
        ),
        // Who may come, and how.
        key(
            "methods",
            Texts(texts::method),
            OfProfile(&[
                ("plain", "[\"*\"]"),
                (
                    "mediawiki",
                    "[\"GET\", \"HEAD\", \"POST\", \"PUT\", \"DELETE\", \"PATCH\", \"OPTIONS\"]",
                ),
                ("upload", "[\"GET\", \"HEAD\", \"OPTIONS\"]"),
            ]),
            "The methods that are served; others get 405. `*` is every one but CONNECT and TRACE.",
        ),
        key(
            "https",
            Choice(&["optional", "required"]),
            Is("\"optional\""),
            "With \"required\", GET and HEAD over plain HTTP are redirected (301), others refused (403).",
        ),
        key(
            "hsts",
            ChoiceOrText(&["off"], texts::hsts),
            Is("\"off\""),
            "Strict-Transport-Security on answers over https, such as \"max-age=31536000\", in place of \
             the origin's.",
        ),
        key(
            "shared_connections",
            Boolean,
            OfProfile(&[("plain", "true"), ("mediawiki", "false"), ("upload", "false")]),
            "Whether a connection whose handshake named a host of another site may ask for this one; \
             else it gets 421, and a browser asks again on a connection of its own.",
        ),
        // One spelling.
        key(
            "path_encoding",
            Choice(&["as-sent", "generic", "mediawiki", "upload"]),
            OfProfile(&[
                ("plain", "\"as-sent\""),
                ("mediawiki", "\"mediawiki\""),
                ("upload", "\"upload\""),
            ]),
            "The one spelling of percent-encoding in paths, in the key and towards the origin: as \
             MediaWiki writes its URLs, as media servers do, or by RFC 3986 §6.2.2 alone.",
        ),
        key(
            "rest_paths",
            Texts(texts::path),
            OfProfile(&[
                ("plain", "[]"),
                ("mediawiki", "[\"/api/rest_v1/\", \"/w/rest.php/\"]"),
                ("upload", "[]"),
            ]),
            "Beginnings of paths in which `%2F` is not `/`.",
        ),
        key(
            "query",
            Choice(&["as-sent", "sorted", "dropped"]),
            OfProfile(&[
                ("plain", "\"as-sent\""),
                ("mediawiki", "\"sorted\""),
                ("upload", "\"dropped\""),
            ]),
            "Whether parameters are sorted by name, or there are none.",
        ),
        key(
            "drop_parameters",
            Texts(texts::parameter),
            OfProfile(&[
                ("plain", "[]"),
                (
                    "mediawiki",
                    "[\"utm_*\", \"fbclid\", \"gclid\", \"dclid\", \"gbraid\", \"wbraid\", \
                     \"msclkid\", \"twclid\", \"yclid\", \"igshid\", \"mc_cid\", \"mc_eid\", \
                     \"wprov\"]",
                ),
                ("upload", "[]"),
            ]),
            "Parameters that say where a reader came from and not what is asked; a `*` at the end \
             stands for anything.",
        ),
        key(
            "article_path",
            ChoiceOrText(&["off"], texts::article_path),
            OfProfile(&[
                ("plain", "\"off\""),
                ("mediawiki", "\"/wiki/$1\""),
                ("upload", "\"off\""),
            ]),
            "$wgArticlePath: where pages are. `index_path` with a `title` alone is the same page.",
        ),
        key(
            "index_path",
            Text(texts::path),
            Is("\"/w/index.php\""),
            "The path of the script that serves pages by `title`.",
        ),
        key(
            "uncanonical_ttl",
            ANY_TIME,
            Is("\"1m\""),
            "The longest lifetime of a page under another URL than its own, which nothing purges; it has no \
             `grace`. Only with an `article_path`.",
        ),
        // Cookies and what else tells readers apart.
        key(
            "cookies",
            Choice(&["as-sent", "by-session", "dropped"]),
            OfProfile(&[
                ("plain", "\"as-sent\""),
                ("mediawiki", "\"by-session\""),
                ("upload", "\"dropped\""),
            ]),
            "With \"by-session\" only a request with a session has cookies: what varies on Cookie is \
             not cached for it, the rest it shares with everybody. Unless \"as-sent\", an origin's 5xx \
             sets no cookie.",
        ),
        key(
            "session_cookies",
            Text(texts::pattern),
            Is("\"(?:[sS]ession|Token)=\""),
            "A regular expression that finds a session in Cookie. It is sought in every request that has \
             cookies, and fastest where `(?:` begins its groups.",
        ),
        key(
            "origin_cookies",
            Choice(&["session", "all"]),
            Is("\"session\""),
            "Whether an origin that is asked for what may be stored sees cookies that belong to no \
             session. It must not answer by them.",
        ),
        // How long objects live.
        lifetimes::HEURISTIC_FRESHNESS,
        lifetimes::DEFAULT_TTL,
        lifetimes::MAX_TTL,
        lifetimes::NOT_FOUND_TTL,
        lifetimes::ERROR_TTL,
        lifetimes::NEGATIVE_TTL,
        key(
            "request_errors",
            Choice(&["stored", "passed"]),
            OfProfile(&[
                ("plain", "\"stored\""),
                ("mediawiki", "\"passed\""),
                ("upload", "\"passed\""),
            ]),
            "What becomes of an error that blames the request (4xx but 404, 410 and 451; 501 and 505) \
             where its origin lets it be stored: a field that is in no key may have provoked it.",
        ),
        key(
            "jitter",
            Integer { least: 0, most: 50 },
            OfProfile(&[("plain", "0"), ("mediawiki", "5"), ("upload", "5")]),
            "By how many hundredths a lifetime of a minute or more is shortened at most, by chance, so \
             that what came together does not expire together.",
        ),
        key(
            "targeted_fields",
            Texts(texts::field_name),
            Is("[\"CDN-Cache-Control\"]"),
            "Fields that are obeyed in place of Cache-Control and Expires, the first before the others \
             (RFC 9213).",
        ),
        key(
            "request_directives",
            Choice(&["ignored", "honoured"]),
            Is("\"ignored\""),
            "Whether Cache-Control of requests counts (RFC 9111 §5.2.1). With \"honoured\" every client can \
             have the origin asked.",
        ),
        key(
            "stale",
            Choice(&["rfc", "operator"]),
            OfProfile(&[
                ("plain", "\"rfc\""),
                ("mediawiki", "\"operator\""),
                ("upload", "\"operator\""),
            ]),
            "Whether `grace` wins over must-revalidate, proxy-revalidate and what s-maxage implies \
             (RFC 9111 §4.2.4). It never wins over no-cache, private or a hard purge.",
        ),
        key(
            "grace",
            ANY_TIME,
            OfProfile(&[("plain", "\"0s\""), ("mediawiki", "\"20m\""), ("upload", "\"20m\"")]),
            "How long after its freshness an object may be served stale while one fetch refreshes it, \
             or where the origin fails.",
        ),
        key(
            "keep",
            ANY_TIME,
            OfProfile(&[("plain", "\"10m\""), ("mediawiki", "\"1d\""), ("upload", "\"1d\"")]),
            "How long after that it is kept for conditional fetches.",
        ),
        key(
            "on_lag",
            Choice(&["serve", "stale"]),
            Is("\"serve\""),
            "While a purge stream is further behind than its `max_lag`: whether what is stored is served as \
             before, or is stale and refreshed.",
        ),
        // Which request gets which object.
        key(
            "schemes",
            Choice(&["apart", "shared"]),
            OfProfile(&[
                ("plain", "\"apart\""),
                ("mediawiki", "\"shared\""),
                ("upload", "\"shared\""),
            ]),
            "Whether http and https share what is stored, but for redirects and for what varies on \
             X-Forwarded-Proto.",
        ),
        key(
            "ranges",
            Choice(&["served", "passed", "ignored"]),
            OfProfile(&[
                ("plain", "\"served\""),
                ("mediawiki", "\"ignored\""),
                ("upload", "\"passed\""),
            ]),
            "What a Range gets where nothing is stored: its part of what is fetched whole, the origin's \
             own answer, or, always, everything.",
        ),
        key(
            "accept_encoding",
            Choice(&["as-sent", "normalized"]),
            OfProfile(&[
                ("plain", "\"as-sent\""),
                ("mediawiki", "\"normalized\""),
                ("upload", "\"normalized\""),
            ]),
            "With \"normalized\" an origin is asked for gzip or for no coding, whatever else is named.",
        ),
        key(
            "compress",
            Texts(texts::coding),
            Is("[]"),
            "Codings that are made here, the best first, such as [\"zstd\", \"gzip\"]. Origins are then \
             asked for none.",
        ),
        key(
            "compress_types",
            Texts(texts::media_type),
            Is(
                "[\"text/*\", \"application/json\", \"application/javascript\", \"application/xml\", \
                \"application/atom+xml\", \"application/rss+xml\", \"image/svg+xml\"]",
            ),
            "The media types that are compressed.",
        ),
        key(
            "compress_min",
            Size { least: 1, most: 1 << 30 },
            Is("\"1KiB\""),
            "The least length of a body that is compressed.",
        ),
        // What the origin learns.
        key(
            "client_ip",
            Boolean,
            OfProfile(&[("plain", "false"), ("mediawiki", "true"), ("upload", "true")]),
            "Whether origins are told the client's address in X-Client-IP.",
        ),
        key(
            "request_id",
            Boolean,
            OfProfile(&[("plain", "false"), ("mediawiki", "true"), ("upload", "true")]),
            "Whether what goes to an origin has an X-Request-Id: a trusted proxy's, or one of ours.",
        ),
        key(
            "drop_request_fields",
            Texts(texts::field_name),
            OfProfile(&[("plain", "[]"), ("mediawiki", UNKEYED), ("upload", UNKEYED)]),
            "Fields of requests that no origin sees. An answer may depend on what is sent, and nothing \
             in a key tells.",
        ),
        // What clients get.
        key(
            "drop_response_fields",
            Texts(texts::field_name),
            OfProfile(&[
                ("plain", "[]"),
                ("mediawiki", "[\"X-Powered-By\"]"),
                ("upload", "[\"X-Powered-By\", \"Set-Cookie\"]"),
            ]),
            "Fields of answers, and of their trailer sections, that no client sees.",
        ),
        key(
            "response_fields",
            Texts(texts::field),
            Is("[]"),
            "Fields of every answer, error pages included, in place of the origin's, such as \
             \"Timing-Allow-Origin: *\".",
        ),
        key(
            "client_cache_control",
            ChoiceOrText(&["as-sent"], texts::field_value),
            OfProfile(&[
                ("plain", "\"as-sent\""),
                ("mediawiki", "\"private, must-revalidate, max-age=0\""),
                ("upload", "\"as-sent\""),
            ]),
            "What clients get in place of a Cache-Control with s-maxage: no purge reaches their copies. \
             What it says beside s-maxage, max-age, must-revalidate, proxy-revalidate, public and \
             private stays. A max-age counts from the answer: the Age beside it is added.",
        ),
        key(
            "server_timing",
            Boolean,
            Is("false"),
            "Whether answers have Server-Timing with the outcome and its reason, and with the origin's \
             time where that was asked.",
        ),
        key(
            "cache_status_key",
            Boolean,
            Is("false"),
            "Whether Cache-Status says under which key an answer is stored (RFC 9211 §2.7).",
        ),
        key(
            "x_cache",
            Boolean,
            Is("false"),
            "Whether answers have X-Cache with the node's name and hit, miss, pass, or int for what the \
             node says itself.",
        ),
        key(
            "error_page",
            Path,
            Unset { says: "a page of the node's", example: "\"error.html\"" },
            "The template of error pages: HTML with {{status}}, {{name}}, {{reason}}, {{sentence}}, \
             {{client}}, {{request_id}} (where `request_id` is on), {{node}} and {{time}}, which are \
             escaped; 64KiB at most. A GET that an origin answers with an error without a body gets it \
             too, unless that is stored.",
        ),
    ],
    parts: &[
        Part { name: "route", form: Form::List, section: &ROUTE, optional: true },
        Part {
            name: "property",
            form: Form::Named("X-Device-Class"),
            section: &PROPERTY,
            optional: true,
        },
    ],
};
