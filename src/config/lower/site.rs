//! A site: what its table of keys means, word for word.

use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method};

use super::super::Ids;
use super::super::file::Table;
use super::super::meaning::{
    Access, Answers, Cluster, CookiePolicy, Cookies, Encoding, FreshnessPolicy, Identity,
    PathEncoding, Pattern, Profile, Property, QueryPolicy, Ranges, Site, Spelling, StaleRule,
};
use super::super::texts;
use super::{need, route};
use crate::base::{Coding, PolicyId, SiteId};

/// What `table`, a `[site.NAME]`, means; `None` where `ids` has no number left.
pub(super) fn site(table: &Table, clusters: &[Arc<Cluster>], ids: &Ids) -> Option<Site> {
    let cluster = need(clusters.iter().find(|cluster| *cluster.name == *table.text("cluster")));
    let mut site = Site {
        id: SiteId(ids.sites.number(&table.name)?),
        name: table.name.as_str().into(),
        hosts: table.hosts("hosts"),
        cluster: Arc::clone(cluster),
        routes: table
            .tables("route")
            .iter()
            .map(|table| route::route(table, cluster, clusters))
            .collect(),
        profile: match table.text("profile") {
            "mediawiki" => Profile::MediaWiki,
            "upload" => Profile::Upload,
            _ => Profile::Plain,
        },
        max_request_body: table.size("max_request_body"),
        access: access(table),
        spelling: spelling(table),
        cookies: cookies(table),
        properties: table.tables("property").iter().map(property).collect(),
        freshness: freshness(table),
        targets: names(table, "targeted_fields"),
        shares_schemes: table.text("schemes") == "shared",
        ranges: match table.text("ranges") {
            "passed" => Ranges::Passed,
            "ignored" => Ranges::Ignored,
            _ => Ranges::Served,
        },
        encoding: Arc::new(encoding(table)),
        identity: Identity {
            client_ip: table.boolean("client_ip"),
            request_id: table.boolean("request_id"),
            dropped: names(table, "drop_request_fields"),
        },
        answers: answers(table),
    };
    site.answers.policy = policy(&site, ids);
    site.answers.more = more(&site);
    Some(site)
}

/// `site` as other nodes see it: their own sites make of what is stored what clients are to see.
pub(super) fn for_the_fleet(site: &Site, ids: &Ids) -> Site {
    let mut site = site.clone();
    site.access.hsts = None;
    site.access.https_required = false;
    // A node's handshake names the other node.
    site.access.shared_connections = true;
    // The other node has computed them, from what it does not pass on.
    site.properties.clear();
    site.answers = Answers {
        dropped: Vec::new(),
        added: Vec::new(),
        cache_control: None,
        client_max_age: 0,
        server_timing: false,
        x_cache: false,
        cache_status_key: false,
        error_page: None,
        more: 0,
        policy: PolicyId::NONE,
    };
    site.answers.policy = policy(&site, ids);
    site
}

fn access(table: &Table) -> Access {
    let method = |text: &String| need(Method::from_bytes(text.as_bytes()).ok());
    let methods = table.texts("methods");
    let any = methods.iter().any(|text| text == "*");
    Access {
        https_required: table.text("https") == "required",
        hsts: table.text_but("off", "hsts").map(value),
        methods: (!any).then(|| methods.iter().map(method).collect()),
        shared_connections: table.boolean("shared_connections"),
    }
}

fn spelling(table: &Table) -> Spelling {
    let boxes = |key| table.texts(key).iter().map(|text| text.as_str().into()).collect();
    let article_path = table.text_but("off", "article_path");
    Spelling {
        path: match table.text("path_encoding") {
            "generic" => PathEncoding::Generic,
            "mediawiki" => PathEncoding::MediaWiki,
            "upload" => PathEncoding::Upload,
            _ => PathEncoding::AsSent,
        },
        rest_paths: boxes("rest_paths"),
        query: match table.text("query") {
            "sorted" => QueryPolicy::Sorted,
            "dropped" => QueryPolicy::Dropped,
            _ => QueryPolicy::AsSent,
        },
        drop_parameters: boxes("drop_parameters"),
        article_path: article_path.map(|text| need(text.strip_suffix("$1")).into()),
        index_path: table.text("index_path").into(),
    }
}

fn cookies(table: &Table) -> Cookies {
    Cookies {
        policy: match table.text("cookies") {
            "by-session" => CookiePolicy::BySession,
            "dropped" => CookiePolicy::Dropped,
            _ => CookiePolicy::AsSent,
        },
        session: pattern(table, "session_cookies"),
        all_to_origin: table.text("origin_cookies") == "all",
    }
}

fn property(table: &Table) -> Property {
    let rule = |table: &Table| (pattern(table, "match"), value(table.text("is")));
    Property {
        name: need(HeaderName::try_from(&table.name).ok()),
        source: need(texts::split_source(table.text("of"))),
        rules: table.tables("values").iter().map(rule).collect(),
        default: table.maybe_text("default").map(value),
    }
}

fn freshness(table: &Table) -> FreshnessPolicy {
    FreshnessPolicy {
        heuristic: table.boolean("heuristic_freshness"),
        default_ttl: table.maybe_duration("default_ttl"),
        max_ttl: table.maybe_duration("max_ttl"),
        not_found_ttl: table.maybe_duration("not_found_ttl"),
        error_ttl: table.maybe_duration("error_ttl"),
        negative_ttl: table.maybe_duration("negative_ttl"),
        request_errors: table.text("request_errors") == "stored",
        uncanonical_ttl: table.duration("uncanonical_ttl"),
        jitter: need(u8::try_from(table.integer("jitter")).ok()),
        stale: match table.text("stale") {
            "operator" => StaleRule::Operator,
            _ => StaleRule::Rfc,
        },
        request_directives: table.text("request_directives") == "honoured",
        grace: table.duration("grace"),
        keep: table.duration("keep"),
        stale_on_lag: table.text("on_lag") == "stale",
    }
}

fn encoding(table: &Table) -> Encoding {
    let coding = |text: &String| match text.as_str() {
        "zstd" => Coding::Zstd,
        _ => Coding::Gzip,
    };
    Encoding {
        normalized: table.text("accept_encoding") == "normalized",
        codings: table.texts("compress").iter().map(coding).collect(),
        types: table.texts("compress_types").iter().map(|text| text.as_str().into()).collect(),
        least: table.size("compress_min"),
        targets: names(table, "targeted_fields"),
    }
}

fn answers(table: &Table) -> Answers {
    let field = |text: &String| need(texts::split_field(text));
    Answers {
        dropped: names(table, "drop_response_fields"),
        added: table.texts("response_fields").iter().map(field).collect(),
        cache_control: table.text_but("as-sent", "client_cache_control").map(value),
        client_max_age: max_age(table.text("client_cache_control")),
        server_timing: table.boolean("server_timing"),
        x_cache: table.boolean("x_cache"),
        cache_status_key: table.boolean("cache_status_key"),
        error_page: table.path("error_page"),
        more: 0,
        policy: PolicyId::NONE,
    }
}

/// Fields that an answer of `site` has more than the origin's, at most.
fn more(site: &Site) -> usize {
    let answers = &site.answers;
    let one_each = [site.access.hsts.is_some(), answers.server_timing, answers.x_cache];
    answers.added.len() + one_each.into_iter().map(usize::from).sum::<usize>()
}

/// The `max-age` that `text` names, in seconds.
fn max_age(text: &str) -> u64 {
    let directives = text.split(',').map(|directive| directive.trim().to_ascii_lowercase());
    let ages = directives.filter_map(|directive| directive.strip_prefix("max-age=")?.parse().ok());
    ages.into_iter().next().unwrap_or_default()
}

/// The number of what changes fields of the origin's. Where all are used up, what is stored is under
/// no policy that is in force, and every answer is made anew.
fn policy(site: &Site, ids: &Ids) -> PolicyId {
    let answers = &site.answers;
    let replaced: Vec<&HeaderName> = answers.added.iter().map(|(name, _)| name).collect();
    let computed: Vec<_> = site.properties.iter().map(|p| (&p.name, &p.source)).collect();
    let ours = (site.access.hsts.is_some(), site.identity.request_id);
    let changes = (&answers.dropped, replaced, &answers.cache_control, ours, computed);
    let number = ids.policies.number(&format!("{changes:?}"));
    PolicyId(number.and_then(|number| number.checked_add(1)).unwrap_or_default())
}

fn names(table: &Table, key: &str) -> Vec<HeaderName> {
    table.texts(key).iter().map(|name| need(HeaderName::try_from(name).ok())).collect()
}

fn value(text: &str) -> HeaderValue {
    need(HeaderValue::from_str(text).ok())
}

fn pattern(table: &Table, key: &str) -> Pattern {
    need(Pattern::new(table.text(key)).ok())
}
