//! Fields that no key holds and that an origin may obey: by which host it is called, by which path and
//! method it is asked, for whom and from where.

use super::{Manners, PROFILES, Stage, request};
use crate::kit::get;

/// Names, and values with a mark.
const TRICKS: [(&str, &str); 42] = [
    ("X-Forwarded-Host", "evil.test"),
    ("X-Forwarded-Host", "wiki.test:evil"),
    ("X-Forwarded-Host", "wiki.test, evil.test"),
    ("X-Forwarded-Host", "\"><script>evil</script>"),
    ("x-forwarded-host", "evil.test"),
    ("X_Forwarded_Host", "evil.test"),
    ("X-Forwarded_Host", "evil.test"),
    ("X-Forwarded-Server", "evil.test"),
    ("X-Forwarded-Port", "evil"),
    ("X-Forwarded-Prefix", "/evil"),
    ("X-Forwarded-Path", "/evil"),
    ("X-Forwarded-Uri", "/evil"),
    ("X-Forwarded-Method", "evil"),
    ("X-Forwarded-Scheme", "evil"),
    ("X-Forwarded-Scheme", "http"),
    ("X-Forwarded-Proto", "evil"),
    ("X-Forwarded-SSL", "evil"),
    ("Forwarded", "for=evil;host=evil.test;proto=https"),
    ("Front-End-Https", "evil"),
    ("X-Scheme", "evil"),
    ("X-Url-Scheme", "evil"),
    ("X-Host", "evil.test"),
    ("X_Host", "evil.test"),
    ("X-HTTP-Host-Override", "evil.test"),
    ("X-Original-Host", "evil.test"),
    ("X-Original-URL", "/evil"),
    ("X-Original-URL", "/nothing/evil"),
    ("X_Original_URL", "/evil"),
    ("X-Rewrite-URL", "/evil"),
    ("X-Rewrite_URL", "/nothing/evil"),
    ("X-HTTP-Method-Override", "POST"),
    ("X-HTTP-Method-Override", "evil"),
    ("X_HTTP_Method_Override", "DELETE"),
    ("X-HTTP-Method", "HEAD"),
    ("X-Method-Override", "evil"),
    ("X-Real-IP", "evil"),
    ("X_Real_IP", "evil"),
    ("True-Client-IP", "evil"),
    ("X-Cluster-Client-IP", "evil"),
    ("Client-IP", "evil"),
    ("Proxy", "http://evil.test/"),
    ("Accept-Encoding", "evil, br;q=evil, *;q=0"),
];

/// Those that our own hop writes where a site wants it; what varies on one is stored for nobody.
const OUR_HOPS: [&str; 4] = [
    "X-Client-IP: evil\r\n",
    "X_Client_IP: evil\r\n",
    "X-Request-Id: evil\r\n",
    "X_Request_Id: evil\r\n",
];

/// Those of a connection, and such as try to take others away.
const HOPS: [&str; 9] = [
    "Connection: X-Forwarded-For\r\nX-Forwarded-Host: evil.test\r\n",
    "Connection: X-Forwarded-Host\r\nX-Forwarded-Host: evil.test\r\n",
    "Connection: close, Host\r\n",
    "Connection: Accept-Encoding\r\nAccept-Encoding: evil\r\n",
    "Connection: evil\r\nevil: evil\r\n",
    "TE: evil\r\n",
    "Upgrade: evil\r\nConnection: upgrade\r\n",
    "Proxy-Connection: evil\r\n",
    "Keep-Alive: evil\r\n",
];

#[test]
fn a_field_that_is_in_no_key_changes_nobody_else_s_page() {
    for (profile, manners) in PROFILES {
        let stage = Stage::set(profile, manners);
        for (n, (name, value)) in TRICKS.iter().enumerate() {
            let (path, line) = (format!("/wiki/Page{n}/{name}"), format!("{name}: {value}\r\n"));
            stage.attack(&request(&path, &line));
            stage.expect_clean(&path, "evil", &line);
            stage.expect_stored(&path);
        }
    }
}

#[test]
fn a_reload_brings_in_nothing_that_a_field_has_made() {
    for (profile, manners) in PROFILES {
        let stage = Stage::set(profile, manners);
        for (n, (name, value)) in TRICKS.iter().enumerate() {
            let path = format!("/wiki/Page{n}/{name}");
            stage.expect_clean(&path, "evil", "nothing");
            for reload in
                ["Cache-Control: no-cache", "Cache-Control: max-age=0", "Pragma: no-cache"]
            {
                let lines = format!("{reload}\r\n{name}: {value}\r\n");
                stage.attack(&request(&path, &lines));
                stage.expect_clean(&path, "evil", &lines);
            }
        }
    }
}

#[test]
fn what_http2_brings_is_what_http1_brings() {
    for (profile, manners) in PROFILES {
        let stage = Stage::set(profile, manners);
        let attacker = stage.proxy.http2();
        for (n, (name, value)) in TRICKS.iter().enumerate() {
            let path = format!("/wiki/Page{n}/{name}");
            attacker.send(get(&path).header(&name.to_ascii_lowercase(), value));
            stage.expect_clean(&path, "evil", &format!("{name}: {value}"));
        }
    }
}

#[test]
fn fields_of_a_connection_and_of_its_client_are_nobody_else_s() {
    for (profile, manners) in PROFILES {
        let stage = Stage::set(profile, manners);
        for (n, lines) in HOPS.iter().chain(&OUR_HOPS).enumerate() {
            let path = format!("/wiki/Page{n}/{}", lines.split(':').next().unwrap_or_default());
            stage.attack(&request(&path, lines));
            stage.expect_clean(&path, "evil", lines);
        }
    }
}

#[test]
fn the_cookies_of_one_reader_are_not_in_the_page_of_another() {
    for (profile, manners) in PROFILES {
        let stage = Stage::set(profile, manners);
        for (n, cookie) in
            ["a=evil", "wikisession=evil", "evil", "a=b; \u{e9}=evil"].iter().enumerate()
        {
            let path = format!("/wiki/Page{n}");
            stage.attack(&request(&path, &format!("Cookie: {cookie}\r\n")));
            stage.expect_clean(&path, "evil", cookie);
        }
    }
}

#[test]
fn a_plain_site_hands_on_what_it_does_not_know_and_an_origin_that_does_not_vary_is_believed() {
    let stage = Stage::set("plain", Manners::Forgets);
    stage.attack(&request("/wiki/Page", "X-Forwarded-Host: evil.test\r\n"));
    let answer = stage.proxy.http1().get("/wiki/Page").expect(200).expect_hit();
    assert!(answer.text().contains("evil.test"), "{answer:?}");
    let dropping = "drop_request_fields = ['X-Forwarded-Host']";
    let stage = Stage::with("plain", Manners::Forgets, |setup| setup.site(dropping));
    stage.attack(&request("/wiki/Page", "X-Forwarded-Host: evil.test\r\n"));
    stage.expect_clean("/wiki/Page", "evil", dropping);
}
