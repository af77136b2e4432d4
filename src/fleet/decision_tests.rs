//! What is decided of clusters in three datacenters.

use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::config::{self, Ids};

fn config() -> Config {
    let file = "
        [[listener]]
        address = '127.0.0.1:0'
        [node]
        memory = '1GiB'
        datacenter = 'esams'
        [datacenter.codfw]
        coordinates = '32.8,-96.8'
        [datacenter.eqiad]
        coordinates = '39.0,-77.5'
        [datacenter.esams]
        coordinates = '52.4,4.9'
        [cluster.read.datacenter.codfw]
        servers = ['10.2.0.1:80', '10.2.0.2:80']
        [cluster.read.datacenter.eqiad]
        servers = ['10.1.0.1:80']
        [cluster.write]
        primary = 'codfw'
        [cluster.write.datacenter.codfw]
        servers = ['10.2.0.1:80']
        [cluster.write.datacenter.eqiad]
        servers = [{ address = '10.1.0.1:80', weight = 7 }]
        [site.wiki]
        hosts = ['*']
        cluster = 'read'";
    let loaded = config::parse(file, "test", Path::new("."), &Ids::default());
    loaded.expect("a configuration").config
}

fn decided(state: &Value, before: Option<&Decision>) -> (Decision, [Vec<usize>; 2]) {
    let config = config();
    let decision = Decision::new(&config, &State::read(state).unwrap(), before);
    let order = |at: usize| decision.of(config.clusters[at].id).unwrap().order.clone();
    let orders = [order(0), order(1)];
    (decision, orders)
}

#[test]
fn reads_go_to_the_nearest_and_writes_to_the_primary() {
    let (decision, orders) = decided(&json!({}), None);
    assert_eq!(orders, [vec![1, 0], vec![0]]);
    assert!(decision.refused.is_empty());
    let write = decision.of(config().clusters[1].id).unwrap();
    assert_eq!(write.servers[1], [(Pooled::Yes, 7)]);
}

#[test]
fn a_datacenter_that_is_not_pooled_is_not_asked_but_where_none_is_all_are() {
    let (_, orders) = decided(&json!({"datacenters/eqiad": {"pooled": "no"}}), None);
    assert_eq!(orders, [vec![0], vec![0]]);
    let none =
        json!({"datacenters/eqiad": {"pooled": "no"}, "datacenters/codfw": {"pooled": "no"}});
    assert_eq!(decided(&none, None).1, [vec![1, 0], vec![0]]);
}

#[test]
fn a_primary_moves_and_there_is_always_exactly_one() {
    let to = |codfw: &str, eqiad: &str| {
        json!({
            "discovery/write/codfw": {"pooled": codfw},
            "discovery/write/eqiad": {"pooled": eqiad},
        })
    };
    let (moved, orders) = decided(&to("no", "yes"), None);
    assert_eq!(orders[1], [1]);
    for (codfw, eqiad) in [("no", "no"), ("yes", "yes")] {
        let (decision, orders) = decided(&to(codfw, eqiad), Some(&moved));
        assert_eq!(orders[1], [1], "it stays where it was");
        assert_eq!(decision.refused.len(), 1, "{:?}", decision.refused);
        assert_eq!(decided(&to(codfw, eqiad), None).1[1], [0], "or is what is configured");
    }
}

#[test]
fn servers_that_are_not_pooled_are_out_but_never_all_of_a_cluster() {
    let one = json!({"pools/codfw/read/10.2.0.1:80": {"pooled": "no", "weight": 5}});
    let (decision, orders) = decided(&one, None);
    assert_eq!(orders[0], [1, 0]);
    let read = decision.of(config().clusters[0].id).unwrap();
    assert_eq!(read.servers[0], [(Pooled::No, 5), (Pooled::Yes, 1)]);

    let near = json!({"pools/eqiad/read/10.1.0.1:80": {"pooled": "inactive"}});
    assert_eq!(decided(&near, None).1[0], [0], "the nearest has none left");
    let weightless = json!({"pools/eqiad/read/10.1.0.1:80": {"pooled": "yes", "weight": 0}});
    assert_eq!(decided(&weightless, None).1[0], [0]);

    let all = json!({
        "pools/codfw/read/10.2.0.1:80": {"pooled": "no"},
        "pools/codfw/read/10.2.0.2:80": {"pooled": "no"},
        "pools/eqiad/read/10.1.0.1:80": {"pooled": "no"},
    });
    let (last, orders) = decided(&all, Some(&decision));
    assert_eq!(orders[0], [1, 0]);
    assert_eq!(last.of(config().clusters[0].id), Some(read));
    assert_eq!(last.refused, ["cluster read: no server would be left"]);

    // A node that starts so goes by what is configured: never by more than one primary.
    let none = json!({"pools/codfw/write/10.2.0.1:80": {"pooled": "no"}});
    assert_eq!(decided(&none, None).1[1], [0]);
}
