//! Least recently used, by bytes.

use super::list::{Links, List};
use super::{Known, Policy};

pub struct Lru {
    capacity: u64,
    links: Links,
    list: List,
    held: Known<bool>,
}

impl Lru {
    pub fn new(capacity: u64) -> Self {
        Self { capacity, links: Links::default(), list: List::new(), held: Known::new() }
    }
}

impl Policy for Lru {
    fn request(&mut self, key: u32, size: u64) -> bool {
        if *self.held.of(key) {
            self.links.renew(&mut self.list, key);
            return true;
        }
        while self.list.bytes + size > self.capacity {
            let Some(oldest) = self.list.oldest() else { return false };
            self.links.remove(&mut self.list, oldest);
            *self.held.of(oldest) = false;
        }
        *self.held.of(key) = true;
        self.links.push(&mut self.list, key, size);
        false
    }
}
