//! Doubly linked lists of keys that know their bytes.

const NONE: u32 = u32::MAX;

/// The links of all keys; a key is in one list at most.
#[derive(Default)]
pub struct Links(Vec<Link>);

#[derive(Clone, Copy)]
struct Link {
    newer: u32,
    older: u32,
    size: u64,
}

/// A list: its ends and the bytes of its members.
pub struct List {
    newest: u32,
    oldest: u32,
    pub bytes: u64,
}

impl List {
    pub fn new() -> Self {
        Self { newest: NONE, oldest: NONE, bytes: 0 }
    }

    /// The key that was pushed longest ago.
    pub fn oldest(&self) -> Option<u32> {
        (self.oldest != NONE).then_some(self.oldest)
    }
}

impl Links {
    /// The key that was pushed after `key`.
    pub fn newer(&self, key: u32) -> Option<u32> {
        let newer = self.0[key as usize].newer;
        (newer != NONE).then_some(newer)
    }

    /// Adds `key` as the newest.
    pub fn push(&mut self, list: &mut List, key: u32, size: u64) {
        let at = key as usize;
        if self.0.len() <= at {
            self.0.resize(at + 1, Link { newer: NONE, older: NONE, size: 0 });
        }
        self.0[at] = Link { newer: NONE, older: list.newest, size };
        match list.newest {
            NONE => list.oldest = key,
            newest => self.0[newest as usize].newer = key,
        }
        list.newest = key;
        list.bytes += size;
    }

    /// Takes `key` out; its bytes.
    pub fn remove(&mut self, list: &mut List, key: u32) -> u64 {
        let Link { newer, older, size } = self.0[key as usize];
        match newer {
            NONE => list.newest = older,
            newer => self.0[newer as usize].older = older,
        }
        match older {
            NONE => list.oldest = newer,
            older => self.0[older as usize].newer = newer,
        }
        list.bytes -= size;
        size
    }

    /// Makes `key` the newest of its list.
    pub fn renew(&mut self, list: &mut List, key: u32) {
        let size = self.remove(list, key);
        self.push(list, key, size);
    }
}
