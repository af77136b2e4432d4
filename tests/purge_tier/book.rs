//! What the model knows: what was purged when, by one counter for the whole world, and of which moments an
//! answer tells.

use http::HeaderMap;
use serde_json::{Value, json};
use tidegate::store::Mode;

pub const HOST: &str = "w.test";
pub const KEYS: usize = 6;
pub const TAGS: usize = 5;

/// What is purged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Key(usize),
    Tag(usize),
    Everything,
}

/// A purge, and the moment of the change that it is about.
#[derive(Clone, Copy, Debug)]
pub struct Purge {
    pub what: What,
    pub mode: Mode,
    pub number: u64,
}

/// The newest purges, hard and soft, of each thing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Newest {
    keys: [[u64; 2]; KEYS],
    tags: [[u64; 2]; TAGS],
    everything: [u64; 2],
}

/// What an answer tells of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// When its content was asked of the origin.
    pub born: u64,
    /// When it was asked for last whether that still stands.
    pub stamp: u64,
    pub tags: [usize; 2],
}

pub fn path(key: usize) -> String {
    format!("/page/{key}")
}

pub fn url(key: usize) -> String {
    format!("https://{HOST}{}", path(key))
}

/// The tags of what the origin made at that moment.
pub fn tags(born: u64) -> [usize; 2] {
    let mixed = born.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
    let mixed = usize::try_from(mixed).unwrap();
    [mixed % TAGS, mixed / TAGS % TAGS]
}

pub fn word(mode: Mode) -> &'static str {
    match mode {
        Mode::Hard => "hard",
        Mode::Soft => "soft",
    }
}

impl Purge {
    /// It as an order of the stream's.
    pub fn order(&self) -> Value {
        let mode = word(self.mode);
        match self.what {
            What::Key(key) => json!({ "url": url(key), "mode": mode }),
            What::Tag(tag) => json!({ "tag": format!("t{tag}"), "site": "wiki", "mode": mode }),
            What::Everything => json!({ "everything": true, "mode": mode }),
        }
    }
}

impl Newest {
    pub fn note(&mut self, purge: Purge) {
        let of = match purge.what {
            What::Key(key) => &mut self.keys[key],
            What::Tag(tag) => &mut self.tags[tag],
            What::Everything => &mut self.everything,
        };
        let newest = &mut of[purge.mode as usize];
        *newest = (*newest).max(purge.number);
    }

    /// The newest of those that cover a page of `key` with `tags`.
    fn covering(&self, key: usize, tags: [usize; 2]) -> [u64; 2] {
        let all = [self.keys[key], self.tags[tags[0]], self.tags[tags[1]], self.everything];
        all.iter().fold([0, 0], |[hard, soft], of| [hard.max(of[0]), soft.max(of[1])])
    }

    /// What of these forbids that `said` is served, as fresh or at all. Where nobody has lost anything of the
    /// log, what a hard purge covers is not even confirmed; else all of it is stale, and may be.
    pub fn forbids(&self, key: usize, said: Said, (fresh, whole): (bool, bool)) -> Option<String> {
        let [hard, soft] = self.covering(key, said.tags);
        let older = if whole { said.born.min(said.stamp) } else { said.stamp };
        if older < hard {
            return Some(format!("{hard} purged what {older} asked for"));
        }
        (fresh && said.stamp < soft)
            .then(|| format!("{soft} made stale what {} asked for", said.stamp))
    }
}

impl Said {
    /// `None` where it is no page of the origin's.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let text = |name: &str| headers.get(name)?.to_str().ok();
        let said = text("cache-control")?;
        let stamp = said.split(", ").find_map(|member| member.strip_prefix("stamp="))?;
        let stamp = stamp.parse().unwrap();
        let born = match text("etag") {
            Some(etag) => etag.trim_matches(['"', 'e']).parse().unwrap(),
            None => stamp,
        };
        Some(Self { born, stamp, tags: tags(born) })
    }
}
