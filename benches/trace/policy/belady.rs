//! Belady's: what is asked for again last, or never, goes first. It knows the future, and so tells
//! what is left to win. By bytes it is no upper bound, but close to what can be had without
//! preferring small objects.

use std::collections::BTreeSet;

use super::{Known, Policy};
use crate::workload::Trace;

const NEVER: u32 = u32::MAX;

pub struct Belady {
    capacity: u64,
    bytes: u64,
    /// For each request, when its key is asked for again.
    again: std::vec::IntoIter<u32>,
    held: Known<Option<u32>>,
    sizes: Known<u64>,
    order: BTreeSet<(u32, u32)>,
}

impl Belady {
    pub fn new(trace: &Trace, capacity: u64) -> Self {
        let mut next = vec![NEVER; trace.sizes.len()];
        let mut again = vec![NEVER; trace.requests.len()];
        for (at, key) in trace.requests.iter().enumerate().rev() {
            again[at] = std::mem::replace(&mut next[*key as usize], at as u32);
        }
        Self {
            capacity,
            bytes: 0,
            again: again.into_iter(),
            held: Known::new(),
            sizes: Known::new(),
            order: BTreeSet::new(),
        }
    }
}

impl Policy for Belady {
    fn request(&mut self, key: u32, size: u64) -> bool {
        let again = self.again.next().unwrap_or(NEVER);
        let due = self.held.of(key).take();
        if let Some(due) = due {
            self.order.remove(&(due, key));
            self.bytes -= size;
        }
        if again != NEVER {
            *self.held.of(key) = Some(again);
            *self.sizes.of(key) = size;
            self.order.insert((again, key));
            self.bytes += size;
        }
        while self.bytes > self.capacity {
            let Some((_, last)) = self.order.pop_last() else { break };
            *self.held.of(last) = None;
            self.bytes -= *self.sizes.of(last);
        }
        due.is_some()
    }
}
