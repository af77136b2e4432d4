//! What clients are shown of an origin's fields.

use super::*;
use crate::site::sites::tests::{plain_site, site_with};

fn fields(fields: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, HeaderValue::from_static(value));
    }
    headers
}

fn rewritten(site: &Site, own: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = fields(own);
    rewrite(&mut headers, site);
    headers
}

#[test]
fn a_plain_site_shows_what_the_origin_said() {
    let own = [
        ("x-powered-by", "PHP"),
        ("cache-control", "s-maxage=60, max-age=5"),
        ("vary", "Accept-Encoding, X-Device-Class"),
        ("strict-transport-security", "max-age=1"),
    ];
    assert_eq!(rewritten(&plain_site(), &own), fields(&own));
    let shown = shown(&plain_site(), &fields(&own));
    assert!(shown.are_own());
    assert_eq!(shown.map(0), fields(&own));
}

#[test]
fn what_no_client_sees_and_what_the_site_says_itself_goes() {
    let site = site_with(
        "drop_response_fields = ['X-Powered-By']\nresponse_fields = ['NEL: {}', 'Link: <a>', 'Link: <b>']\n\
         hsts = 'max-age=31536000'",
    );
    let own = [
        ("x-powered-by", "PHP"),
        ("x-powered-by", "more PHP"),
        ("nel", "theirs"),
        ("strict-transport-security", "max-age=1"),
        ("etag", "\"1\""),
    ];
    let shown = shown(&site, &fields(&own));
    assert_eq!(shown.map(0), fields(&[("etag", "\"1\"")]));
    assert_eq!(shown.own(), fields(&own));

    let mut over_http = shown.map(0);
    add(&mut over_http, &site, Scheme::Http);
    let plain = [("etag", "\"1\""), ("nel", "{}"), ("link", "<a>"), ("link", "<b>")];
    assert_eq!(over_http, fields(&plain));
    add(&mut over_http, &site, Scheme::Https);
    assert_eq!(over_http["strict-transport-security"], "max-age=31536000");
}

#[test]
fn copies_that_no_purge_reaches_have_a_cache_control_of_their_own() {
    let site = site_with("profile = 'mediawiki'");
    let own = [("cache-control", "s-maxage=18000, must-revalidate, max-age=0, no-transform")];
    let expected = "private, must-revalidate, max-age=0, no-transform";
    assert_eq!(rewritten(&site, &own)["cache-control"], expected);
    let shown = shown(&site, &fields(&own));
    assert_eq!(
        (shown.map(0)["cache-control"].as_bytes(), shown.own()),
        (expected.as_bytes(), fields(&own))
    );
    for untouched in ["private, max-age=60", "public, max-age=300", "no-store"] {
        let own = [("cache-control", untouched)];
        assert_eq!(rewritten(&site, &own), fields(&own));
    }
}

#[test]
fn vary_names_what_clients_send_and_not_what_is_computed_of_it() {
    let site = site_with(
        "[site.w.property.X-Device-Class]\nof = 'field:User-Agent'\ndefault = 'd'\n\
         [site.w.property.X-Skin]\nof = 'cookie:skin'\ndefault = 'd'\n\
         [site.w.property.X-Subdomain]\nof = 'host'\ndefault = 'd'\n\
         [site.w.property.X-Area]\nof = 'path'\ndefault = 'd'",
    );
    for (lines, expected) in [
        (&["X-Device-Class"][..], Some("user-agent")),
        (&["Accept-Encoding, x-device-class, Cookie"], Some("Accept-Encoding, user-agent, Cookie")),
        (&["X-Device-Class, User-Agent"], Some("user-agent")),
        (&["Cookie, X-Skin", "Accept"], Some("Cookie, Accept")),
        (&["X-Subdomain, X-Area"], None),
        (&["X-Subdomain, Accept"], Some("Accept")),
        (&["X-Subdomain", "*"], Some("*")),
        (&["Accept,Cookie"], Some("Accept,Cookie")),
    ] {
        let own: Vec<_> = lines.iter().map(|line| ("vary", *line)).collect();
        let told = rewritten(&site, &own);
        let told: Vec<_> = told.get_all(VARY).iter().map(|line| line.to_str().unwrap()).collect();
        assert_eq!(told, Vec::from_iter(expected), "{lines:?}");
    }
}

#[test]
fn a_policy_has_one_number_as_long_as_it_changes_the_same() {
    let ids = crate::config::Ids::default();
    let policy = |keys: &str| {
        let text = format!(
            "[[listener]]\naddress = '127.0.0.1:1'\n[cluster.w]\nservers = ['127.0.0.1:1']\n\
             [site.w]\nhosts = ['*']\ncluster = 'w'\n{keys}"
        );
        let loaded = crate::config::parse(&text, "test", std::path::Path::new("/"), &ids);
        loaded.unwrap_or_else(|errors| panic!("{errors}")).config.sites[0].answers.policy
    };
    let plain = policy("");
    assert!(plain.is(policy("keep = '1h'")) && plain.is(policy("x_cache = true")));
    let some = policy("response_fields = ['NEL: 1']");
    // Its value is no part of what is stored.
    assert!(some.is(policy("response_fields = ['NEL: 2']")) && !some.is(plain));
    for other in [
        "drop_response_fields = ['NEL']",
        "hsts = 'max-age=1'",
        "client_cache_control = 'private'",
        "[site.w.property.NEL]\nof = 'host'\ndefault = 'd'",
    ] {
        assert!(!policy(other).is(plain) && !policy(other).is(some), "{other}");
    }
}
