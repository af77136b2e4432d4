//! Routes of a site: which cluster a request goes to, past the store or not, and what its origin sees.

use crate::kit::{Origin, Page, Proxy, Request, Response, cache_status, get};

/// A node whose site has the `routes`, with clusters `wiki`, `read` and `rest` in front of these.
fn routed(origins: &[Origin; 3], routes: &str) -> Proxy {
    let cluster = |name: &str, origin: &Origin| {
        format!("[cluster.{name}]\nservers = ['{}']\n", origin.address())
    };
    let [wiki, read, rest] = origins;
    let more = cluster("read", read) + &cluster("rest", rest) + routes;
    Proxy::new(wiki).config(&more).start()
}

fn origins() -> [Origin; 3] {
    ["wiki", "read", "rest"].map(|name| {
        let origin = Origin::start();
        origin.otherwise(move |_| Page::cacheable(name));
        origin
    })
}

fn who(answer: Response) -> String {
    answer.expect(200).text()
}

#[test]
fn reads_go_to_the_nearest_and_what_must_not_to_the_primary() {
    let origins = origins();
    let proxy = routed(
        &origins,
        "[[site.wiki.route]]\ncookie = 'UseDC=^master$'\ncluster = 'wiki'
         [[site.wiki.route]]\nquery = 'cpPosIndex'\ncluster = 'wiki'
         [[site.wiki.route]]\nmethods = ['POST']\nheader = 'Promise-Non-Write-API-Action: ^true$'\ncluster = 'read'
         [[site.wiki.route]]\nmethods = ['GET', 'HEAD']\ncluster = 'read'",
    );
    let client = proxy.http1();
    let post = |path| Request::new("POST", path).body("a=b");
    assert_eq!(who(client.get("/a")), "read");
    assert_eq!(who(client.send(get("/b").header("cookie", "x=y; UseDC=master"))), "wiki");
    assert_eq!(who(client.get("/c?cpPosIndex=3")), "wiki");
    assert_eq!(who(client.send(post("/d"))), "wiki");
    let promised = post("/e").header("promise-non-write-api-action", "true");
    assert_eq!(who(client.send(promised)), "read");
    // What is stored is found by its URL, wherever it came from.
    assert_eq!(who(client.get("/b")), "wiki");
    assert!(cache_status(&client.get("/b")).hit);
}

#[test]
fn an_origin_sees_another_url_and_a_purge_finds_the_public_one() {
    let origins = origins();
    let proxy = routed(
        &origins,
        "[[site.wiki.route]]\npath = '/api/rest_v1/'\norigin_path = '/v1/'\norigin_host = 'rest.internal'
         cluster = 'rest'",
    );
    let client = proxy.http1();
    let public = "/api/rest_v1/page/Sun?x=1";
    assert_eq!(who(client.get(public)), "rest");
    let seen = &origins[2].requests()[0];
    assert_eq!(
        (seen.target.as_str(), seen.header("host")),
        ("/v1/page/Sun?x=1", Some("rest.internal"))
    );
    assert!(cache_status(&client.get(public)).hit);
    proxy.purge("/v1/page/Sun?x=1");
    assert!(cache_status(&client.get(public)).hit, "that is another URL");
    proxy.purge(public);
    assert_eq!(who(client.get(public)), "rest");
    assert_eq!(origins[2].requests().len(), 2);
    // What an unsafe request changed is gone by its public URL too.
    client.send(Request::new("POST", public).body("x")).expect(200);
    assert_eq!(origins[2].requests()[2].target, "/v1/page/Sun?x=1");
    assert!(!cache_status(&client.get(public)).hit);
}

#[test]
fn a_route_may_lead_past_the_store() {
    let origins = origins();
    let proxy = routed(
        &origins,
        "[[site.wiki.route]]\nheader = 'X-Debug: ^rest$'\ncluster = 'rest'\nmode = 'pass'",
    );
    let client = proxy.http1();
    for _ in 0..2 {
        let answer = client.send(get("/page").header("x-debug", "rest"));
        assert_eq!(cache_status(&answer).detail.as_deref(), Some("route"));
        assert_eq!(who(answer), "rest");
    }
    assert_eq!(who(client.get("/page")), "wiki", "nothing of it was stored");
    assert_eq!(who(client.get("/page")), "wiki");
    assert_eq!(origins.each_ref().map(|origin| origin.count("/page")), [1, 0, 2]);
}

#[test]
fn a_route_has_terms_of_its_own() {
    let origins = origins();
    for origin in &origins {
        origin.on("/slow", |_| {
            let (gate, reply) = Page::new("late").held();
            // It answers with the test's end.
            std::mem::forget(gate);
            reply
        });
        origin.on("/busy", |_| Page::status(503));
        origin.on("/retried", |_| Page::status(503));
    }
    let addresses = [&origins[0], &origins[1]].map(|origin| format!("'{}'", origin.address()));
    let both = format!("[cluster.both]\nservers = [{}]\n", addresses.join(", "));
    let routes = "[[site.wiki.route]]\npath = '/slow'\nfirst_byte_timeout = '50ms'
         [[site.wiki.route]]\npath = '/busy'\nretries = false\ncluster = 'both'
         [[site.wiki.route]]\npath = '/retried'\ncluster = 'both'";
    let proxy = routed(&origins, &(both + routes));
    let client = proxy.http1();
    client.get("/slow").expect(504);
    client.get("/busy").expect(503);
    client.get("/retried").expect(503);
    let asked = |path| origins.iter().map(|origin| origin.count(path)).sum::<usize>();
    assert_eq!((asked("/busy"), asked("/retried")), (1, 2));
}

fn upgrade(proxy: &Proxy, path: &str, protocol: &str) -> String {
    let mut raw = proxy.raw();
    raw.send(format!(
        "GET {path} HTTP/1.1\r\nHost: wiki.test\r\nConnection: upgrade\r\nUpgrade: {protocol}\r\n\r\n"
    ));
    raw.head().start
}

#[test]
fn only_a_pipe_changes_to_any_protocol_and_none_to_http2() {
    let origins = origins();
    for path in ["/pipe/x", "/else"] {
        origins[0].on(path, |seen| {
            let protocol = seen.header("upgrade").unwrap_or("none").to_owned();
            let page = Page::new("no");
            if protocol == "none" {
                return page.into();
            }
            crate::kit::Reply::bytes_kept(format!(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n\r\n"
            ))
        });
    }
    let proxy = routed(&origins, "[[site.wiki.route]]\npath = '/pipe/'\nmode = 'pipe'");
    for (path, protocol, status) in [
        ("/pipe/x", "websocket", "101"),
        ("/pipe/x", "irc", "101"),
        ("/pipe/x", "h2c", "200"),
        ("/else", "websocket", "101"),
        ("/else", "irc", "200"),
    ] {
        let head = upgrade(&proxy, path, protocol);
        assert!(head.contains(status), "{path} to {protocol}: {head}");
    }
}
