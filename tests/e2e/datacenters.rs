//! Clusters in several datacenters: the nearest that is pooled and well is asked, or the primary alone; and
//! who says what is pooled is believed, but not everything.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::kit::{Origin, Page, Proxy, Request, Setup, eventually};

const THREE: &str = "
    [datacenter.codfw]
    coordinates = '32.8,-96.8'
    [datacenter.eqiad]
    coordinates = '39.0,-77.5'
    [datacenter.esams]
    coordinates = '52.4,4.9'";

/// Servers in codfw and in eqiad; what each answers is its datacenter.
struct Servers {
    codfw: Origin,
    eqiad: Origin,
}

impl Servers {
    fn start() -> Self {
        let start = |name: &'static str| {
            let origin = Origin::start();
            origin.otherwise(move |_| Page::new(name).header("cache-control", "no-store"));
            origin
        };
        Self { codfw: start("codfw"), eqiad: start("eqiad") }
    }

    /// A node in esams whose site reads from the nearest and writes to codfw.
    fn seen_from_esams(&self, fleet: &str) -> Setup {
        let cluster = |name: &str| {
            format!(
                "[cluster.{name}.datacenter.codfw]\nservers = ['{}']
                 [cluster.{name}.datacenter.eqiad]\nservers = ['{}']\n",
                self.codfw.address(),
                self.eqiad.address()
            )
        };
        let write = "[cluster.write]\nprimary = 'codfw'\n";
        let route = "[[site.wiki.route]]\nmethods = ['GET', 'HEAD']\ncluster = 'read'\n";
        let more = [THREE, "\n", write, &cluster("write"), &cluster("read"), route, fleet].concat();
        Proxy::new(&self.codfw)
            .without("cluster.wiki")
            .site("cluster = 'write'")
            .with("node", "datacenter = 'esams'")
            .config(&more)
    }
}

/// Who answers a read, and who a write.
fn who(proxy: &Proxy) -> [String; 2] {
    let client = proxy.http1();
    let read = client.get("/page").expect(200).text();
    [read, client.send(Request::new("POST", "/edit").body("x")).expect(200).text()]
}

/// A file of overrides that the node reads.
struct Overrides(PathBuf);

impl Overrides {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("tidegate-{name}-{}.json", std::process::id())))
    }

    fn fleet(&self) -> String {
        format!("[fleet]\noverrides = '{}'\n", self.0.display())
    }

    fn say(&self, value: &Value) {
        fs::write(&self.0, value.to_string()).expect("the file can be written");
    }
}

impl Drop for Overrides {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}

#[test]
fn reads_go_to_the_nearest_that_is_well_and_writes_to_the_primary() {
    let servers = Servers::start();
    let proxy = servers.seen_from_esams("").start();
    assert_eq!(who(&proxy), ["eqiad", "codfw"]);
    // The nearest one fails altogether: reads go on elsewhere, and come back.
    servers.eqiad.otherwise(|_| Page::status(502));
    let client = proxy.http1();
    eventually("reads go to codfw", || {
        let answer = client.get("/page");
        answer.status == 200 && answer.text() == "codfw"
    });
    let told = proxy.status()["clusters"].clone();
    let read = told.as_array().unwrap().iter().find(|one| one["name"] == "read").unwrap().clone();
    assert_eq!(read["datacenter"], "codfw");
}

#[test]
fn what_cannot_be_reached_costs_no_reader_his_page() {
    let servers = Servers::start();
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let all = format!(
        "{THREE}
         [cluster.read.datacenter.codfw]\nservers = ['{}']
         [cluster.read.datacenter.eqiad]\nservers = ['{gone}']
         [[site.wiki.route]]\nmethods = ['GET', 'HEAD', 'POST']\ncluster = 'read'",
        servers.codfw.address(),
    );
    let setup = Proxy::new(&servers.codfw).with("node", "datacenter = 'esams'").config(&all);
    let proxy = setup.start();
    // From the first on: nobody has found out yet that the nearest is gone.
    assert_eq!(proxy.http1().get("/page").expect(200).text(), "codfw");
    let wrote = proxy.http1().send(Request::new("POST", "/edit").body("whole")).expect(200);
    assert_eq!(wrote.text(), "codfw");
    assert_eq!(servers.codfw.requests()[1].body, b"whole");
}

#[test]
fn a_primary_that_fails_has_no_stand_in() {
    let servers = Servers::start();
    let proxy = servers.seen_from_esams("").start();
    servers.codfw.otherwise(|_| Page::status(502));
    let client = proxy.http1();
    for _ in 0..20 {
        client.send(Request::new("POST", "/edit").body("x"));
    }
    assert_eq!(servers.eqiad.count("/edit"), 0, "nothing is written at two places");
}

#[test]
fn a_file_moves_the_primary_and_takes_a_datacenter_out() {
    let servers = Servers::start();
    let file = Overrides::new("moves");
    let proxy = servers.seen_from_esams(&file.fleet()).start();
    assert_eq!(who(&proxy), ["eqiad", "codfw"]);
    file.say(&json!({
        "datacenters/eqiad": { "pooled": "no" },
        "discovery/write/eqiad": { "pooled": true },
        "discovery/write/codfw": { "pooled": false },
    }));
    eventually("both have moved", || who(&proxy) == ["codfw", "eqiad"]);
    drop(fs::remove_file(&file.0));
    eventually("both are back", || who(&proxy) == ["eqiad", "codfw"]);
}

#[test]
fn what_would_leave_nothing_or_two_primaries_is_refused_and_told() {
    let servers = Servers::start();
    let file = Overrides::new("refused");
    let proxy = servers.seen_from_esams(&file.fleet()).start();
    let server =
        |datacenter: &str, origin: &Origin| format!("pools/{datacenter}/read/{}", origin.address());
    file.say(&json!({
        server("codfw", &servers.codfw): { "pooled": "no" },
        server("eqiad", &servers.eqiad): { "pooled": "no" },
        "discovery/write/eqiad": { "pooled": true },
        "discovery/write/codfw": { "pooled": true },
    }));
    proxy.wait_for_metric("tidegate_fleet_refused", 2.0);
    assert_eq!(who(&proxy), ["eqiad", "codfw"]);
    let refused = proxy.status()["fleet"]["refused"].to_string();
    assert!(refused.contains("several primaries: codfw, eqiad"), "{refused}");
    assert!(refused.contains("no server would be left"), "{refused}");
    // What can be read no more changes nothing either.
    fs::write(&file.0, "{").unwrap();
    file.say(&json!({ server("eqiad", &servers.eqiad): { "pooled": "no" } }));
    proxy.wait_for_metric("tidegate_fleet_refused", 0.0);
    assert_eq!(who(&proxy), ["codfw", "codfw"]);
}

#[test]
fn a_server_gets_the_share_that_is_decided() {
    let (one, other) = (Origin::start(), Origin::start());
    for origin in [&one, &other] {
        origin.otherwise(|_| Page::new("x").header("cache-control", "no-store"));
    }
    let file = Overrides::new("share");
    let servers = format!("servers = ['{}', '{}']", one.address(), other.address());
    let proxy = Proxy::new(&one).cluster(&servers).config(&file.fleet()).start();
    let key = format!("pools/-/wiki/{}", one.address());
    let client = proxy.http1();
    for (weight, share) in [(3, 9), (0, 0)] {
        file.say(&json!({ &key: { "pooled": "yes", "weight": weight } }));
        eventually("it is in force", || {
            let before = one.requests().len();
            (0..12).for_each(|_| drop(client.get("/page").expect(200)));
            one.requests().len() - before == share
        });
    }
}
