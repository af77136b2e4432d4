//! SIEVE (Zhang and others, NSDI 2024) and S3-FIFO (Yang and others, SOSP 2023), by bytes: what
//! can be had where a hit sets no more than a bit.

use std::collections::VecDeque;

use super::list::{Links, List};
use super::{Known, Policy};

pub struct Sieve {
    capacity: u64,
    links: Links,
    list: List,
    /// Whether it was asked for since the hand passed; `None` where it is not held.
    visited: Known<Option<bool>>,
    hand: Option<u32>,
}

impl Sieve {
    pub fn new(capacity: u64) -> Self {
        Self {
            capacity,
            links: Links::default(),
            list: List::new(),
            visited: Known::new(),
            hand: None,
        }
    }

    /// Whether there was something to evict.
    fn evict(&mut self) -> bool {
        while let Some(key) = self.hand.or_else(|| self.list.oldest()) {
            self.hand = self.links.newer(key);
            let visited = self.visited.of(key);
            if *visited != Some(true) {
                *visited = None;
                self.links.remove(&mut self.list, key);
                return true;
            }
            *visited = Some(false);
        }
        false
    }
}

impl Policy for Sieve {
    fn request(&mut self, key: u32, size: u64) -> bool {
        if let Some(visited) = self.visited.of(key) {
            *visited = true;
            return true;
        }
        while self.list.bytes + size > self.capacity {
            if !self.evict() {
                return false;
            }
        }
        *self.visited.of(key) = Some(false);
        self.links.push(&mut self.list, key, size);
        false
    }
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Out,
    Ghost,
    Small,
    Main,
}

#[derive(Clone, Copy, Default)]
struct Entry {
    place: Place,
    size: u64,
    uses: u8,
}

/// A queue of keys and its bytes.
#[derive(Default)]
struct Queue {
    keys: VecDeque<u32>,
    bytes: u64,
}

impl Queue {
    fn push(&mut self, key: u32, size: u64) {
        self.keys.push_back(key);
        self.bytes += size;
    }
}

pub struct S3Fifo {
    capacity: u64,
    /// Bytes of the queue for newcomers, a tenth of all.
    most_small: u64,
    small: Queue,
    main: Queue,
    ghost: Queue,
    known: Known<Entry>,
}

impl S3Fifo {
    pub fn new(capacity: u64) -> Self {
        Self {
            capacity,
            most_small: capacity / 10,
            small: Queue::default(),
            main: Queue::default(),
            ghost: Queue::default(),
            known: Known::new(),
        }
    }

    fn evict(&mut self) {
        if self.small.bytes > self.most_small || self.main.keys.is_empty() {
            self.evict_small();
        } else {
            self.evict_main();
        }
    }

    fn evict_small(&mut self) {
        let Some(key) = self.small.keys.pop_front() else { return };
        let entry = self.known.of(key);
        self.small.bytes -= entry.size;
        let queue = if entry.uses > 0 { &mut self.main } else { &mut self.ghost };
        entry.place = if entry.uses > 0 { Place::Main } else { Place::Ghost };
        entry.uses = 0;
        queue.push(key, entry.size);
        while self.ghost.bytes > self.capacity - self.most_small {
            let Some(key) = self.ghost.keys.pop_front() else { return };
            let entry = self.known.of(key);
            self.ghost.bytes -= entry.size;
            if entry.place == Place::Ghost {
                entry.place = Place::Out;
            }
        }
    }

    fn evict_main(&mut self) {
        while let Some(key) = self.main.keys.pop_front() {
            let entry = self.known.of(key);
            if entry.uses == 0 {
                entry.place = Place::Out;
                self.main.bytes -= entry.size;
                return;
            }
            entry.uses -= 1;
            self.main.keys.push_back(key);
        }
    }
}

impl Policy for S3Fifo {
    fn request(&mut self, key: u32, size: u64) -> bool {
        let entry = self.known.of(key);
        if matches!(entry.place, Place::Small | Place::Main) {
            entry.uses = (entry.uses + 1).min(3);
            return true;
        }
        if size > self.most_small {
            return false;
        }
        while self.small.bytes + self.main.bytes + size > self.capacity {
            self.evict();
        }
        let entry = self.known.of(key);
        let returns = entry.place == Place::Ghost;
        *entry = Entry { place: if returns { Place::Main } else { Place::Small }, size, uses: 0 };
        if returns { &mut self.main } else { &mut self.small }.push(key, size);
        false
    }
}
