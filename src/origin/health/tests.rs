//! A random story of checks, requests and time, after each of whose events what must hold of a pool does.
//! `TIDEGATE_SEED` repeats one.

use std::path::Path;
use std::time::Duration;

use http::StatusCode;
use tokio::runtime::Builder;

use super::*;
use crate::base::{Budget, Clock};
use crate::config::{self, Ids};
use crate::net::resolver::Resolver;
use crate::origin::server;

fn health(servers: usize, keys: &str) -> Health {
    let addresses: Vec<String> = (1..=servers).map(|n| format!("'127.0.0.{n}:1'")).collect();
    let file = format!(
        "[[listener]]\naddress = '127.0.0.1:0'\n[node]\nmemory = '1GiB'\n\
         [cluster.c]\nservers = [{}]\n{keys}\n[cluster.c.check]\nfall = 2\n\
         [site.s]\nhosts = ['*']\ncluster = 'c'\n",
        addresses.join(", ")
    );
    let ids = Ids::default();
    let loaded = config::parse(&file, "test", Path::new("."), &ids).expect("a configuration");
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let resolver = Resolver::from_system(Clock::system(), runtime.handle().clone());
    let cluster = &loaded.config.clusters[0];
    let servers =
        server::all_of(cluster, &cluster.locations[0], 1, &resolver, &Budget::new(1 << 30))
            .expect("servers");
    Health::new(cluster, &servers, None, Clock::system().now())
}

fn must_hold(health: &Health, keep: usize) {
    let looks = health.look();
    let count = |of: &dyn Fn(&Look) -> bool| looks.iter().filter(|look| of(look)).count();
    let ailing = count(&|look| !look.state.is_well());
    let out = count(&|look| look.standing == Standing::Out);
    let may_be_out = looks.len() * (100 - keep) / 100;
    assert_eq!(health.is_panicking(), ailing == looks.len(), "{looks:?}");
    if ailing == looks.len() {
        assert_eq!(count(&|look| look.standing == Standing::Tried), looks.len(), "{looks:?}");
    } else {
        assert_eq!(out, ailing.min(may_be_out), "{looks:?}");
        assert_eq!(count(&|look| look.standing == Standing::Held), ailing - out, "{looks:?}");
    }
    for (at, look) in looks.iter().enumerate() {
        let is_in = matches!(look.standing, Standing::In | Standing::Unproven);
        assert_eq!(look.state.is_well(), is_in, "{looks:?}");
        assert_eq!(health.may(at), look.standing != Standing::Out, "{looks:?}");
    }
}

#[test]
fn whatever_happens_no_more_than_may_be_are_out() {
    let seed = std::env::var("TIDEGATE_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("TIDEGATE_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    for _ in 0..200 {
        let (servers, keep) = (random.usize(1..8), random.usize(0..=100));
        let slow = random.u64(0..20);
        let health = health(
            servers,
            &format!("depool_threshold = {keep}\neject_after = 3\nslow_start = '{slow}s'"),
        );
        let mut now = Clock::system().now();
        for _ in 0..200 {
            let at = random.usize(..servers);
            match random.u32(0..6) {
                0 => health.checked(at, Ok(()), now),
                1 => health.checked(at, Err("no".to_owned()), now),
                2 => health.answered(at, StatusCode::OK, now, now),
                3 => health.answered(at, StatusCode::BAD_GATEWAY, now, now),
                4 => health.failed(at, "no", now),
                _ => {
                    now += Duration::from_secs(random.u64(0..12));
                    health.tick(now);
                }
            }
            must_hold(&health, keep);
        }
    }
}

#[test]
fn a_check_is_due_at_its_time_and_never_twice_at_once() {
    let health = health(2, "");
    let now = Clock::system().now();
    assert_eq!(health.tick(now), [0, 1], "at once");
    assert!(health.tick(now + Duration::from_secs(10)).is_empty(), "they are under way");
    // The next one is counted from when it began.
    health.checked(1, Ok(()), now + Duration::from_secs(2));
    assert!(health.tick(now + Duration::from_millis(4400)).is_empty());
    assert_eq!(health.tick(now + Duration::from_millis(5600)), [1]);
    assert_eq!(health.tick(now + Duration::from_secs(12)), [0], "it was lost");
}

#[test]
fn where_all_are_out_each_answer_lets_one_more_try() {
    let health = health(2, "slow_start = '0s'\nmax_connections = 12");
    let now = Clock::system().now();
    (0..2).for_each(|at| health.checked(at, Err("no".to_owned()), now));
    assert!(health.is_panicking());
    let room = |at: usize| {
        let turns: Vec<_> = std::iter::from_fn(|| health.servers[at].turn_at_once()).collect();
        turns.len()
    };
    assert_eq!((room(0), room(1)), (FEW, FEW));
    health.answered(0, StatusCode::OK, now, now);
    assert_eq!((room(0), room(1)), (FEW + 1, FEW));
    (0..5).for_each(|_| health.answered(0, StatusCode::OK, now, now));
    assert_eq!(room(0), 12, "never more than it may have");
    health.failed(0, "no", now);
    health.tick(now);
    assert_eq!(room(0), FEW, "half of it, and never less than a few");
}

#[test]
fn a_server_that_was_out_takes_more_and_more() {
    let health = health(1, "slow_start = '10s'\nmax_connections = 1000\neject_time = '1s'");
    let mut now = Clock::system().now();
    let room = || std::iter::from_fn(|| health.servers[0].turn_at_once()).collect::<Vec<_>>().len();
    (0..5).for_each(|_| health.failed(0, "no", now));
    assert_eq!(room(), FEW);
    now += Duration::from_secs(1);
    health.tick(now);
    assert_eq!((room(), health.ready()), (FEW, 2), "it has not answered yet");
    health.answered(0, StatusCode::OK, now - Duration::from_secs(9), now);
    assert_eq!(room(), FEW, "that was asked before it was out");
    health.answered(0, StatusCode::OK, now, now);
    assert_eq!((room(), health.ready()), (100, 20));
    now += Duration::from_secs(5);
    health.tick(now);
    assert_eq!(room(), 500);
    assert!((350..650).contains(&(0..1000).filter(|_| health.takes(0)).count()));
    now += Duration::from_secs(5);
    health.tick(now);
    assert_eq!((room(), health.look()[0].state), (1000, State::Up));
}
