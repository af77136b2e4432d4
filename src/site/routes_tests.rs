//! Which requests a route takes, and what an origin sees of them.

use super::*;
use crate::config;
use std::path::Path;

fn routes(text: &str) -> Vec<Route> {
    let file = format!(
        "[[listener]]\naddress = '127.0.0.1:0'\n[node]\nmemory = '1GiB'\n\
         [cluster.c]\nservers = ['127.0.0.1:1']\n[site.s]\nhosts = ['*']\ncluster = 'c'\n{text}"
    );
    let loaded = config::parse(&file, "test", Path::new("."), &config::Ids::default());
    loaded.expect("a configuration").config.sites[0].routes.clone()
}

fn route(lines: &str) -> Vec<Route> {
    routes(&format!("[[site.s.route]]\n{lines}"))
}

fn head(method: &str, fields: &[(&'static str, &str)]) -> request::Parts {
    let mut request = http::Request::builder().method(method);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(()).expect("a head").into_parts().0
}

#[test]
fn a_route_takes_what_has_all_that_it_wants() {
    for (lines, method, key, fields, taken) in [
        ("", "GET", "w.test/", &[][..], true),
        ("hosts = ['*.m.test']", "GET", "a.m.test/", &[], true),
        ("hosts = ['*.m.test']", "GET", "m.test/", &[], false),
        ("hosts = ['m.test', '*.m.test']", "GET", "m.test/", &[], true),
        ("methods = ['POST', 'PUT']", "PUT", "w.test/", &[], true),
        ("methods = ['POST', 'PUT']", "GET", "w.test/", &[], false),
        ("path = '/api/'", "GET", "w.test/api/x", &[], true),
        ("path = '/api/'", "GET", "w.test/x?/api/", &[], false),
        ("pattern = '^w[.]test/w/(rest|api)[.]php$'", "GET", "w.test/w/api.php?a=b", &[], true),
        ("pattern = '^w[.]test/w/(rest|api)[.]php$'", "GET", "v.test/w/api.php", &[], false),
        ("pattern = 'secret'", "GET", "w.test/?secret", &[], false),
        ("query = 'cpPosIndex'", "GET", "w.test/?a=b&cpPosIndex=7", &[], true),
        ("query = 'cpPosIndex'", "GET", "w.test/?a=cpPosIndex", &[], false),
        ("query = 'action=rollback'", "GET", "w.test/?action=rollback&x", &[], true),
        ("query = 'action=rollback'", "GET", "w.test/?action=rollbacks", &[], false),
        ("header = 'X-Debug'", "GET", "w.test/", &[("x-debug", "")], true),
        ("header = 'X-Debug'", "GET", "w.test/", &[("x-debut", "1")], false),
        ("header = 'X-Debug: ^1$'", "GET", "w.test/", &[("x-debug", "0"), ("x-debug", "1")], true),
        ("header = 'X-Debug: ^1$'", "GET", "w.test/", &[("x-debug", "11")], false),
        ("cookie = 'UseDC=^master$'", "GET", "w.test/", &[("cookie", "a=b; UseDC=master")], true),
        ("cookie = 'UseDC=^master$'", "GET", "w.test/", &[("cookie", "a=UseDC=master")], false),
        ("cookie = 'UseDC=^master$'", "GET", "w.test/", &[("cookie", "NoUseDC=master")], false),
        ("cookie = 'UseDC'", "GET", "w.test/", &[("cookie", "a=b"), ("cookie", "UseDC=x")], true),
        ("methods = ['GET']\npath = '/x'", "GET", "w.test/y", &[], false),
    ] {
        let found = find(&route(lines), &head(method, fields), key);
        assert_eq!(found.is_some(), taken, "{lines} takes {method} {key} {fields:?}");
    }
}

#[test]
fn what_leads_upwards_is_not_rewritten() {
    let rewriting = &route("path = '/r/'\norigin_path = '/tenant/'")[0];
    let plain = &route("path = '/r/'")[0];
    for (key, away) in [
        ("w.test/r/a", false),
        ("w.test/r/..a/.b/c..?../..", false),
        ("w.test/r/../b", true),
        ("w.test/r/a/%2E%2e/b", true),
        ("w.test/r/.%2e", true),
        ("w.test/r/./b", true),
    ] {
        assert_eq!(leads_away(rewriting, key), away, "{key}");
        assert!(!leads_away(plain, key), "{key}");
    }
}

#[test]
fn the_first_that_takes_it_is_its_route() {
    let routes = routes(
        "[[site.s.route]]\npath = '/a/b'\n[[site.s.route]]\npath = '/a'\n[[site.s.route]]\n",
    );
    let found = |key| find(&routes, &head("GET", &[]), key);
    assert_eq!(["w/a/b/c", "w/a/c", "w/c"].map(found), [Some(0), Some(1), Some(2)]);
    assert_eq!(find(&routes[..1], &head("GET", &[]), "w/c"), None);
}

#[test]
fn an_origin_sees_what_a_route_makes_of_the_url() {
    for (lines, key, target, host, seen) in [
        ("origin_host = 'meta.test'", "w.test/a?b", "/a?b", Some("meta.test"), None),
        (
            "path = '/r/v1/'\norigin_path = '/v1/'",
            "w.test/r/v1/a?b",
            "/r/v1/a?b",
            None,
            Some("/v1/a?b"),
        ),
        (
            "path = '/r/'\norigin_path = '/'",
            "w.test/r/%C3%A9?",
            "/r/%C3%A9?",
            None,
            Some("/%C3%A9?"),
        ),
        // The client has spelled the beginning otherwise than the key does.
        ("path = '/rest/'\norigin_path = '/'", "w.test/rest/a", "/%72est/a", None, Some("/a")),
        (
            "pattern = '^([^/]+)/api/rest_v1/(.*)$'\norigin_path = '/${1}/v1/$2'",
            "w.test/api/rest_v1/page/a?q=1",
            "/api/rest_v1/page/a?q=1",
            None,
            Some("/w.test/v1/page/a?q=1"),
        ),
        (
            "pattern = '^([a-z]+)[.]m[.](wiki[.]test)/'\norigin_host = '${1}.$2'",
            "en.m.wiki.test/wiki/A",
            "/wiki/A",
            Some("en.wiki.test"),
            None,
        ),
        ("pattern = '/(a)?b'\norigin_path = '$1'", "w.test/b", "/b", None, Some("/")),
    ] {
        let route = &route(lines)[0];
        assert_eq!(origin_host(route, key), host.map(HeaderValue::from_static), "{lines}");
        assert_eq!(origin_target(route, key, target).as_deref(), seen, "{lines}");
    }
}
