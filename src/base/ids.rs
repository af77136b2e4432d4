//! Small numbers that stand for configured names.
//!
//! A name keeps its number for the life of the process ([`Names`]), so that counters, floors and
//! stored objects outlive a reload.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A site: a set of hostnames with one policy and one origin cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SiteId(pub u16);

/// A cluster: a named origin service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClusterId(pub u16);

/// A listener, by its place in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListenerId(pub u16);

/// A worker: one core's runtime, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkerId(pub u16);

/// What of a site's policy changes the fields of answers, as it stood at some time: the same policy
/// has the same number for the life of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PolicyId(pub u16);

impl PolicyId {
    /// That of what no policy was applied to: it is never in force.
    pub const NONE: Self = Self(0);

    /// Whether what was made under it is what `current` would make of the same.
    #[inline]
    pub fn is(self, current: Self) -> bool {
        self == current && self != Self::NONE
    }
}

/// A point in the node's sequence of purges; 0 is before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Seq(pub u64);

/// Names and their numbers; a name once seen keeps its number.
#[derive(Clone, Debug, Default)]
pub struct Names(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    by_name: HashMap<Arc<str>, u16>,
    by_number: Vec<Arc<str>>,
}

impl Names {
    /// The number of `name`, given now if it has none. `None` when all 65 536 are taken.
    pub fn number(&self, name: &str) -> Option<u16> {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = table.by_name.get(name) {
            return Some(*number);
        }
        let number = u16::try_from(table.by_number.len()).ok()?;
        let name: Arc<str> = name.into();
        table.by_number.push(Arc::clone(&name));
        table.by_name.insert(name, number);
        Some(number)
    }

    /// The name that has `number`.
    pub fn name(&self, number: u16) -> Option<Arc<str>> {
        let table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.by_number.get(usize::from(number)).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number() {
        let names = Names::default();
        assert_eq!(names.number("wiki"), Some(0));
        assert_eq!(names.number("media"), Some(1));
        assert_eq!(names.number("wiki"), Some(0));
        assert_eq!(names.name(1).as_deref(), Some("media"));
        assert_eq!(names.name(2), None);
    }
}
