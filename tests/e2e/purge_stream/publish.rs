//! `tidegate purge --stream`: one command reaches every node that reads the topic.

use std::path::PathBuf;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{TOPIC, reading, stream, wait_for_begin};
use crate::kit::kafka::Kafka;
use crate::kit::{Origin, Page, Proxy, cache_status};

/// A file of a test's own, that goes with it.
struct File(PathBuf);

impl File {
    /// What whoever publishes must know of a node: its stream and where it is asked.
    fn new(name: &str, kafka: &Kafka, proxy: &Proxy) -> Self {
        let file = format!("publish-{}-{name}.toml", std::process::id());
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(file);
        let config = format!(
            "[[listener]]\naddress = '127.0.0.1:0'\n[admin]\naddress = '{}'\n{}[cluster.c]\n\
             servers = ['127.0.0.1:1']\n[site.wiki]\nhosts = ['wiki.test']\ncluster = 'c'\n",
            proxy.admin(),
            stream(kafka, ""),
        );
        std::fs::write(&path, config).expect("the build folder takes files");
        Self(path)
    }

    /// Runs `tidegate purge --stream` with more arguments: whether it ended well, and what it said.
    fn publish(&self, arguments: &[&str]) -> (bool, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.arg("purge").arg("--stream").arg("--config").arg(&self.0).args(arguments);
        let done = command.output().expect("the program is built");
        let said = [done.stdout, done.stderr].concat();
        (done.status.success(), String::from_utf8(said).expect("it says text"))
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn origin() -> Origin {
    let origin = Origin::start();
    for path in ["/a/1", "/a/2", "/b", "/c.css"] {
        let said = "max-age=60, stale-while-revalidate=600";
        origin.page(path, Page::new("x").header("cache-control", said).header("xkey", &path[1..2]));
    }
    origin
}

/// Which pages are hits at `proxy`.
fn hits(proxy: &Proxy) -> [bool; 4] {
    ["/a/1", "/a/2", "/b", "/c.css"]
        .map(|path| cache_status(&proxy.http1().get(path).expect(200)).hit)
}

#[test]
fn every_kind_of_order_reaches_every_node() {
    let (origin, kafka) = (origin(), Kafka::start());
    kafka.topic(TOPIC, 3);
    let nodes = [reading(&origin, &kafka, ""), reading(&origin, &kafka, "")];
    let files = [0, 1].map(|at: usize| File::new(&format!("kind-{at}"), &kafka, &nodes[at]));
    for (arguments, expected) in [
        (&["http://wiki.test/b"][..], [true, true, false, true]),
        (&["http://wiki.test/b", "--hard"], [true, true, false, true]),
        (&["--prefix", "https://wiki.test/a/", "--hard"], [false, false, true, true]),
        (&["--tag", "a", "--site", "wiki", "--hard"], [false, false, true, true]),
        (&["--regex", "css$", "--hard"], [true, true, true, false]),
        (&["--site", "wiki", "--hard"], [false; 4]),
        (&["--everything", "--hard"], [false; 4]),
    ] {
        nodes.iter().for_each(|node| _ = hits(node));
        // The first publishes, and the second must only be waited for.
        let (ok, said) = files[0].publish(&[arguments, &["--wait"]].concat());
        assert!(ok && said.contains("applied by this node"), "{arguments:?}: {said}");
        assert!(said.contains(&format!("published in {TOPIC}: ")), "{said}");
        let (ok, _) = files[1].publish(&["http://other.test/", "--wait"]);
        assert!(ok);
        crate::kit::eventually("both have applied all", || {
            let position = |node: &Proxy| node.metric("tidegate_stream_position");
            (position(&nodes[0]) - position(&nodes[1])).abs() < 0.5
                && nodes.iter().all(|node| node.metric("tidegate_stream_backlog") < 0.5)
        });
        for node in &nodes {
            assert_eq!(hits(node), expected, "{arguments:?}");
        }
    }
    let malformed = "tidegate_stream_messages_total{result=\"malformed\"}";
    assert!(nodes[0].metric(malformed) < 0.5);
}

#[test]
fn a_long_list_is_published_in_several_batches() {
    let (origin, kafka) = (origin(), Kafka::start());
    kafka.topic(TOPIC, 1);
    let proxy = reading(&origin, &kafka, "");
    let file = File::new("list", &kafka, &proxy);
    let list = file.0.with_extension("urls");
    let long = "x".repeat(4000);
    let urls: Vec<String> = (0..1200).map(|n| format!("http://wiki.test/{long}/{n}\n")).collect();
    std::fs::write(&list, urls.concat()).unwrap();
    let (ok, said) = file.publish(&["--from-file", &list.display().to_string(), "--wait"]);
    std::fs::remove_file(&list).unwrap();
    assert!(ok && said.contains("1200 done, 0 failed"), "{}", &said[said.len() - 300..]);
    let taken = proxy.metric("tidegate_stream_messages_total{result=\"taken\"}");
    assert!((taken - 1200.0).abs() < 0.5, "{taken}");
}

#[test]
fn what_cannot_be_published_is_told() {
    let (origin, kafka) = (origin(), Kafka::start());
    kafka.topic(TOPIC, 1);
    let proxy = Proxy::new(&origin).config(&stream(&kafka, "")).start();
    wait_for_begin(&proxy);
    let file = File::new("told", &kafka, &proxy);
    for (arguments, says) in [
        (&["http://wiki.test/", "--dry-run"][..], "cannot be used with"),
        (&["no URL"], "not a URL"),
    ] {
        let (ok, said) = file.publish(arguments);
        assert!(!ok && said.contains(says), "{said}");
    }
    kafka.kill();
    let (ok, said) = file.publish(&["http://wiki.test/"]);
    assert!(!ok && said.contains("refused"), "{said}");
    let config = "[[listener]]\naddress = '127.0.0.1:0'\n[cluster.c]\nservers = ['127.0.0.1:1']\n\
                  [site.wiki]\nhosts = ['wiki.test']\ncluster = 'c'\n";
    std::fs::write(&file.0, config).unwrap();
    let (ok, said) = file.publish(&["http://wiki.test/"]);
    assert!(!ok && said.contains("there is no [[purge.stream]]"), "{said}");
}

/// What etcd says of living nodes, of which each has applied the only partition so far.
fn roll(nodes: &[(&str, i64)]) -> Page {
    let kv = |(node, position): &(&str, i64)| {
        let partition = json!({ "topic": TOPIC, "partition": 0, "position": position });
        let says = json!([{ "partitions": [partition] }]).to_string();
        let key = STANDARD.encode(format!("/tidegate/v1-roll/{node}"));
        json!({ "key": key, "value": STANDARD.encode(says) })
    };
    let kvs: Vec<Value> = nodes.iter().map(kv).collect();
    Page::new(json!({ "header": { "revision": "7" }, "kvs": kvs }).to_string())
}

#[test]
fn it_is_waited_for_every_living_node() {
    let (origin, kafka, etcd) = (origin(), Kafka::start(), Origin::start());
    kafka.topic(TOPIC, 1);
    let proxy = reading(&origin, &kafka, "");
    let file = File::new("fleet", &kafka, &proxy);
    let (ok, said) = file.publish(&["http://wiki.test/b", "--wait=fleet"]);
    assert!(!ok && said.contains("needs etcd in the [fleet]"), "{said}");
    let config = std::fs::read_to_string(&file.0).unwrap();
    let fleet = format!("{config}[fleet]\netcd = ['{}']\n", etcd.address());
    std::fs::write(&file.0, fleet).unwrap();
    let [one, other] = ["esams/cp1", "eqiad/cp2"];
    // The first answer shows that the member lives.
    let replies =
        [roll(&[]), roll(&[]), roll(&[(one, 2), (other, 1)]), roll(&[(one, 2), (other, 2)])];
    etcd.replies("/v3/kv/range", replies.map(Into::into));
    let (ok, said) = file.publish(&["http://wiki.test/b", "--wait=fleet"]);
    assert!(ok && said.contains("applied by every living node"), "{said}");
    assert_eq!(etcd.count("/v3/kv/range"), 4, "it has waited for the one that was behind");
}
