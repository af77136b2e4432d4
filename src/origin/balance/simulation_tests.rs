//! Servers of unequal speed under a closed load, by each way of balancing.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::{Balance, Servers};
use crate::config;

/// Servers as a test says that they are.
pub(super) struct Fixed {
    pub may: Vec<bool>,
    pub load: Vec<usize>,
}

impl Servers for Fixed {
    fn may(&self, at: usize) -> bool {
        self.may[at]
    }

    fn load(&self, at: usize) -> usize {
        self.load[at]
    }
}

/// The shares of `requests` that servers get which work at these `speeds`, each at one request at a time,
/// while `clients` have one under way each.
fn shares(way: config::Balance, speeds: &[u64], clients: usize, requests: usize) -> Vec<f64> {
    let names: Vec<Arc<str>> = (0..speeds.len()).map(|at| format!("s{at}").into()).collect();
    let balance = Balance::new(way, names.iter().map(|name| (name, 1)));
    let mut servers = Fixed { may: vec![true; speeds.len()], load: vec![0; speeds.len()] };
    let mut free_at = vec![0; speeds.len()];
    let mut done = BinaryHeap::new();
    let mut got = vec![0.0; speeds.len()];
    let mut now = 0;
    let asked = http::Request::new(()).into_parts().0;
    for number in 0..requests {
        if number >= clients {
            let Reverse((at_time, server)) = done.pop().expect("each client waits for one");
            now = at_time;
            servers.load[server] -= 1;
        }
        let at = balance.next(&servers, &asked).expect("all may be asked");
        servers.load[at] += 1;
        got[at] += 1.0 / requests as f64;
        free_at[at] = now.max(free_at[at]) + 1_000_000 / speeds[at];
        done.push(Reverse((free_at[at], at)));
    }
    got
}

#[test]
fn the_slowest_of_eight_gets_its_share_of_two_choices() {
    let speeds = [1, 2, 3, 4, 5, 6, 7, 8];
    let got = shares(config::Balance::Least, &speeds, 200, 200_000);
    let due = 1.0 / 36.0;
    assert!((got[0] / due - 1.0).abs() < 0.1, "{:.4} of {due:.4}", got[0]);
    // Which is what taking turns does not give.
    let turns = shares(config::Balance::Turns, &speeds, 200, 200_000);
    assert!((turns[0] - 0.125).abs() < 0.001, "{:.4}", turns[0]);
}
