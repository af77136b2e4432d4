//! What the model is played with: the store, what is on its way, and what was purged.

#[path = "flights.rs"]
mod flights;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use fastrand::Rng;
use flights::Flight;
use http::{HeaderMap, HeaderValue, StatusCode};
use tidegate::base::budget::Part;
use tidegate::base::{Axis, Budget, Clock, KeyText, Scheme, Seq, SiteId, Stored};
use tidegate::fetch::Fetch;
use tidegate::semantics::{Life, Policy, Received, ResponseDirectives, Vary};
use tidegate::store::{Expression, Found, Head, Judgement, Mode, Object, Scope, Store, Tags};

const SITES: u16 = 2;
const KEYS: usize = 24;
const TAGS: u32 = 10;
/// More tags than the store keeps floors of.
const FLOOD: u32 = 20_000;

/// The newest purges that cover something, hard and soft.
type Newest = [u64; 2];

/// What was purged, as it was ordered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum What {
    Key(usize),
    Tag(u16, u32),
    Prefix(u16, usize),
    Matching(u16, usize),
    Site(u16),
    Everything,
}

/// How often the interesting happened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    pub fresh: u64,
    pub stale: u64,
    pub gone: u64,
    pub stored: u64,
    pub overtaken: u64,
    pub refreshed: u64,
    pub refreshes_overtaken: u64,
    pub purged_under_a_flight: u64,
    pub purged_under_a_refresh: u64,
    pub purged_with_followers: u64,
    pub purged_when_evicted: u64,
    pub joined: u64,
    pub followers: u64,
    /// Followers for whom what came had been asked for too early.
    pub sent_again: u64,
    pub beyond_the_horizon: u64,
    pub sweeps: u64,
    pub floods: u64,
    /// Steps in which nothing was purged but what was ordered.
    pub exact: u64,
}

pub struct World {
    random: Rng,
    clock: Clock,
    budget: Budget,
    store: Arc<Store>,
    fetch: Arc<Fetch>,
    keys: Vec<KeyText>,
    expressions: [Expression; 2],
    newest: HashMap<What, Newest>,
    flights: Vec<Flight>,
    /// Whether more may be purged by now than was ordered.
    is_exact: bool,
    horizon: Seq,
    pub seen: Seen,
}

fn site_of(key: usize) -> u16 {
    u16::try_from(key).unwrap() % SITES
}

fn path_of(key: usize) -> String {
    format!("/{}/{}/{key}", ["a", "b"][key / 2 % 2], ["x", "y"][key / 4 % 2])
}

/// The number of the path's prefix `/a/x` and so on.
fn prefix_of(key: usize) -> usize {
    key / 2 % 4
}

fn prefix(of: usize) -> String {
    format!("/{}/{}", ["a", "b"][of % 2], ["x", "y"][of / 2 % 2])
}

impl World {
    pub fn new(seed: u64) -> Self {
        let host = |key: usize| format!("w{}.test", site_of(key));
        let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
        let (budget, store) = (Budget::new(u64::MAX), Arc::new(Store::new(1 << 20, 4)));
        let fetch = Fetch::new(Arc::clone(&store), clock.clone(), budget.clone(), 1);
        Self {
            random: Rng::with_seed(seed),
            clock,
            budget,
            store,
            fetch,
            keys: (0..KEYS).map(|key| KeyText::new(&host(key), &path_of(key))).collect(),
            expressions: ["1$", "/b/.*2$"].map(|text| Expression::new(text).unwrap()),
            newest: HashMap::new(),
            flights: Vec::new(),
            is_exact: true,
            horizon: Seq(0),
            seen: Seen::default(),
        }
    }

    fn axis(key: usize) -> Axis {
        Axis::new(SiteId(site_of(key)), Scheme::Http, None)
    }

    /// The newest purges that cover a page of `key` with `tags`, of all of these.
    fn covering(purges: &HashMap<What, Newest>, key: usize, tags: &[u32]) -> Newest {
        let site = site_of(key);
        let mut all = vec![What::Key(key), What::Site(site), What::Everything];
        all.push(What::Prefix(site, prefix_of(key)));
        all.extend(tags.iter().map(|tag| What::Tag(site, *tag)));
        let text = format!("w{site}.test{}", path_of(key));
        if text.ends_with('1') {
            all.push(What::Matching(site, 0));
        }
        if text.contains("/b/") && text.ends_with('2') {
            all.push(What::Matching(site, 1));
        }
        let newest = all.iter().filter_map(|what| purges.get(what));
        newest.fold([0, 0], |[hard, soft], of| [hard.max(of[0]), soft.max(of[1])])
    }

    /// A page of `key` with `tags`, which stand in its status, and perhaps made of one that had others.
    fn object(&self, key: usize, tags: [u32; 2], asked: Seq, old: Option<[u32; 2]>) -> Arc<Object> {
        let mut headers = HeaderMap::new();
        if let Some([first, second]) = old {
            headers.insert("x-first", first.into());
            headers.insert("x-second", second.into());
        }
        headers.insert("cache-control", HeaderValue::from_static("max-age=600"));
        let text = format!("t{} t{}", tags[0], tags[1]);
        headers.insert("xkey", HeaderValue::try_from(text).unwrap());
        let delay = std::time::Duration::ZERO;
        let received = Received { wall: self.clock.wall(), delay };
        let said = ResponseDirectives::of(&headers);
        let status = StatusCode::from_u16(u16::try_from(200 + tags[0] * TAGS + tags[1]).unwrap());
        let life = Life::of(StatusCode::OK, &headers, &said, received, &Policy::RFC);
        let axis = Self::axis(key);
        let selecting = Vary::of(&headers).select(&HeaderMap::new()).unwrap();
        let selected = (axis.stored(false), selecting);
        let head = Head::new(status.unwrap(), &headers, &life, self.clock.now(), selected);
        let head = head.tagged(Tags::of(axis.site, &headers));
        let body = Stored::new(vec![Bytes::new()], self.budget.charge(Part::Stored, 0));
        Arc::new(Object::new(head, body, None, asked))
    }

    fn tags_of(object: &Object) -> [u32; 2] {
        let pair = u32::from(object.head.status.as_u16()) - 200;
        [pair / TAGS, pair % TAGS]
    }

    /// Its tags, and those that it was made of something with.
    fn all_tags_of(object: &Object) -> Vec<u32> {
        let fields = object.head.fields.own();
        let old = ["x-first", "x-second"].iter().filter_map(|name| fields.get(*name));
        let old = old.map(|tag| tag.to_str().unwrap().parse().unwrap());
        old.chain(Self::tags_of(object)).collect()
    }

    pub fn step(&mut self) {
        self.seen.exact += u64::from(self.is_exact);
        let key = self.random.usize(..KEYS);
        match self.random.u32(..1_000_000) {
            0..20 => self.flood(),
            20..400 => self.sweep(),
            400..1_000 => self.evict(),
            1_000..120_000 => self.purge(key),
            120_000..320_000 => self.ask(key),
            320_000..560_000 => self.land(),
            _ => _ = self.look(key),
        }
    }

    /// A client looks `key` up; what it finds fresh may cover no purge.
    fn look(&mut self, key: usize) -> Option<Arc<Object>> {
        let text = self.keys[key].key();
        let entry = self.store.get(&text)?;
        let Found::Object { object, soft_purged } =
            entry.select(Self::axis(key), &HeaderMap::new())
        else {
            return None;
        };
        let judged = self.store.judge(&text, &object);
        let Seq(asked) = object.asked;
        let [hard, soft] = Self::covering(&self.newest, key, &Self::tags_of(&object));
        let is_fresh = judged == Judgement::Valid && !soft_purged;
        assert!(hard <= asked || judged == Judgement::Gone, "{hard} purged what {asked} asked for");
        assert!(soft <= asked || !is_fresh, "{soft} made stale what {asked} asked for");
        if self.is_exact && judged == Judgement::Gone {
            // A refresh is judged by the tags of what it refreshed too.
            let [hard, _] = Self::covering(&self.newest, key, &Self::all_tags_of(&object));
            assert!(hard > asked, "gone, and nothing covers it");
        }
        if self.is_exact && !is_fresh {
            // An entry has one soft floor, which what it held before may have left it.
            let newer = |newest: &Newest| newest.iter().any(|seq| *seq > asked);
            assert!(self.newest.values().any(newer), "withheld, and nothing was purged since");
        }
        let count = match judged {
            Judgement::Gone => &mut self.seen.gone,
            _ if is_fresh => &mut self.seen.fresh,
            _ => &mut self.seen.stale,
        };
        *count += 1;
        (judged != Judgement::Gone).then_some(object)
    }

    fn purge(&mut self, key: usize) {
        let mode = if self.random.bool() { Mode::Hard } else { Mode::Soft };
        let site = site_of(key);
        let tag = self.random.u32(..TAGS);
        let what = match self.random.u32(..100) {
            0..50 => What::Key(key),
            50..80 => What::Tag(site, tag),
            80..90 => What::Prefix(site, prefix_of(key)),
            90..97 => What::Matching(site, self.random.usize(..2)),
            97..99 => What::Site(site),
            _ => What::Everything,
        };
        if let What::Key(key) = what {
            self.meet(key);
        }
        self.order(what, mode);
    }

    /// Has the store purge `what`, and notes that it did.
    fn order(&mut self, what: What, mode: Mode) {
        let Seq(seq) = match &what {
            What::Key(key) => self.store.purge(&self.keys[*key].key(), mode).seq,
            What::Tag(site, tag) => {
                self.store.purge_all(Scope::Tag(SiteId(*site), format!("t{tag}").as_bytes()), mode)
            }
            What::Prefix(site, of) => {
                let prefix = format!("w{site}.test{}", prefix(*of));
                self.store.purge_all(Scope::Prefix(SiteId(*site), &prefix), mode)
            }
            What::Matching(site, of) => {
                let scope = Scope::Matching(Some(SiteId(*site)), &self.expressions[*of]);
                self.store.purge_all(scope, mode)
            }
            What::Site(site) => self.store.purge_all(Scope::Site(SiteId(*site)), mode),
            What::Everything => self.store.purge_all(Scope::Everything, mode),
        };
        let newest = self.newest.entry(what).or_default();
        newest[mode as usize] = newest[mode as usize].max(seq);
    }

    /// More tags are purged at once than floors are kept.
    fn flood(&mut self) {
        self.seen.floods += 1;
        self.is_exact = false;
        let site = self.random.u16(..SITES);
        for tag in 0..FLOOD {
            let text = format!("nobody's {tag}");
            self.store.purge_all(Scope::Tag(SiteId(site), text.as_bytes()), Mode::Soft);
        }
    }

    fn sweep(&mut self) {
        self.seen.sweeps += 1;
        let upto = self.store.wide().newest();
        self.horizon = self.horizon.max(upto);
        self.store.sweep(upto);
    }

    fn evict(&mut self) {
        let capacity = self.store.capacity();
        self.store.set_capacity(0);
        self.store.set_capacity(capacity);
    }
}
