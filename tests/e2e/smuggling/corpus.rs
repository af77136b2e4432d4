//! A corpus: mutations with what must become of each.
//!
//! A mutation is the bytes of one request that is odd somewhere, and what hides in it: wherever a
//! reader who frames it otherwise would find another request, it is one for `/s/…`, which no origin
//! may ever see. `IDIDI` stands for the mutation's number, whose five digits leave every length as
//! it is.

use std::collections::HashSet;

/// One odd request.
#[derive(Clone, Debug)]
pub struct Mutation {
    /// What is odd about it.
    pub class: &'static str,
    /// The outcomes that are right, `|` between them: the statuses answered, and whether the
    /// connection was `kept` for the request after it or `closed`.
    pub expect: &'static str,
    /// What is sent, its number in place.
    pub bytes: Vec<u8>,
    /// Its number, as it stands in the targets.
    pub id: String,
}

impl Mutation {
    /// How many requests it openly makes.
    pub fn requests(&self) -> usize {
        self.expect.split('|').map(|right| right.matches('+').count() + 1).max().unwrap_or(1)
    }
}

/// The request that must stay hidden.
pub const SMUGGLED: &str = "GET /s/IDIDI HTTP/1.1\r\nHost: wiki.test\r\n\r\n";

/// Mutations in the making.
#[derive(Default)]
pub struct Corpus {
    all: Vec<Mutation>,
    distinct: HashSet<Vec<u8>>,
}

impl Corpus {
    /// Adds a mutation; one that is there already adds nothing.
    pub fn add(&mut self, class: &'static str, expect: &'static str, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        if !self.distinct.insert(bytes.to_vec()) {
            return;
        }
        let id = format!("{:05}", self.all.len());
        let mut bytes = bytes.to_vec();
        for at in 0..bytes.len().saturating_sub(4) {
            if &bytes[at..at + 5] == b"IDIDI" {
                bytes[at..at + 5].copy_from_slice(id.as_bytes());
            }
        }
        self.all.push(Mutation { class, expect, bytes, id });
    }

    /// Every mutation.
    pub fn all(self) -> Vec<Mutation> {
        self.all
    }
}

/// A request of `wiki.test` for `/m/…`: `fields` are whole lines, and come after Host.
pub fn request(method: &str, fields: &str, body: &str) -> String {
    format!("{method} /m/IDIDI HTTP/1.1\r\nHost: wiki.test\r\n{fields}\r\n{body}")
}
