//! Tidegate: an edge caching reverse proxy, the traffic layer in front of wikis. One binary
//! terminates TLS, answers most requests from memory, fetches the rest from origin clusters by
//! site, and applies the purges that a wiki's job queue sends.
//!
//! # The life of a request
//!
//! ```text
//! listen ─ front ─ flow::enter ─ site::plan ─┬─ refuse ─────────────────────────── reply::synth
//!                                            ├─ purge ── purge::apply ──────────── reply::synth
//!                                            ├─ pass ─── origin ────────────────── reply::passed
//!                                            ├─ pipe ─── origin ═══ tunnel after a 101
//!                                            └─ lookup ─ store ─┬─ hit ─────────── reply::shared
//!                                                               ├─ stale ─ reply now, refresh behind
//!                                                               └─ miss ── fetch ─┬─ lead: origin ─ semantics ─ store
//!                                                                                 └─ follow: read the same fill
//! ```
//!
//! 1. [`listen`] accepts a connection on one worker's runtime, where it stays for its life, and reads
//!    the PROXY header of a peer that owes one.
//! 2. [`front`] speaks TLS and HTTP/1.1, which [`wire`] reads, or HTTP/2 through hyper, and hands over
//!    heads and bodies.
//! 3. [`flow`] is the plot. Its first step has [`site`] decide, from values alone, what is to be done.
//! 4. A purge raises a floor in the [`store`] and is answered: from then on nothing asked of the
//!    origin before it is served as fresh, whatever races it.
//! 5. A lookup finds an object that [`semantics`] calls fresh: the answer stands, without waiting.
//! 6. A stale one may be served while one flight refreshes it behind the answer.
//! 7. A miss leads a flight in [`fetch`], or follows one. A response that may be stored grows in the
//!    cache; everybody reads it there. One that may not goes to its leader, and the others at once
//!    ask for themselves. What was stored is coded behind it all, where the site wants that.
//! 8. [`origin`] picks the datacenter that [`fleet`] puts first and that is well, there the server whose turn
//!    it is and a kept connection, or a stream on one of HTTP/2, and asks; or a node of the fleet, which may have it stored.
//! 9. [`reply`] makes the answer: conditions, ranges, Age, Via and Cache-Status with the reason, and
//!    what the site has clients shown otherwise than the origin said.
//! 10. [`telemetry`] counts and logs it when its last byte has been taken.
//!
//! # The layers
//!
//! A room imports only from lower layers; `tests/tidy.rs` proves it.
//!
//! | layer | rooms |
//! |---|---|
//! | 0 | [`base`]: time, budget, keys, reasons, faults, bodies |
//! | 1 | [`telemetry`], [`semantics`], [`config`], [`net`], [`wire`], [`geo`] |
//! | 2 | [`store`], [`origin`], [`site`], [`front`], [`listen`], [`fleet`], [`stream`] |
//! | 3 | [`fetch`], [`purge`], [`reply`], [`geodns`] |
//! | 4 | [`flow`] |
//! | 5 | [`admin`] |
//! | 6 | [`server`]: the only place that knows every room |
//! | 7 | [`cli`] |
//!
//! Instead of upward imports there are seams: `listen` takes a callback, `front` a
//! [`Handler`](front::Handler) and a [`Recorder`](front::Recorder), and `server` wires them.
//!
//! # The words
//!
//! - **site**: a set of hostnames with one policy and one origin cluster. **cluster**: a named
//!   origin service with **servers**, a **pool** of them in each **datacenter** where there are several.
//! - **key**: canonical host, path and query. **entry**: all stored **variants** of a key; site, port and
//!   scheme, unless the site shares what it stores over both, are the first variant axes, Vary the
//!   others. **object**: one stored response. **coding**: the same compressed here, for those who take
//!   it; it lives and goes with what it was made of, its **identity**. **flight**: one question to an
//!   origin that any number of clients share. **fill**: its growing answer.
//! - **hit, stale, revalidated, miss, pass, synth, refused**: what became of a request. **reason**:
//!   the one word that says why, the same in Cache-Status, log and metrics
//!   (`tidegate help reasons`).
//! - **fresh → grace → keep**: an object's life. **purge**: hard removes, soft makes stale.
//! - **seq**: the node's purge sequence number. **floor**: what was asked of the origin below it is
//!   not valid. **asked**: the seq that a flight read before its request could leave.
//!
//! # How purging is proved
//!
//! `tests/purge_model` plays a million steps of clients, the flights that they lead, join and wait for,
//! refreshes, purges of every kind, evictions and sweeps against a literal model of the promise, from a new
//! seed each time, and counts how often a purge came in between. `tests/purge_interleavings` runs the
//! store's threads under a checker that decides after each operation on an atomic or a lock which of them
//! goes on. Both take out the checks one by one ([`base::mutant`]), and have to miss each:
//!
//! | rule | the check that is taken out | caught after |
//! |---|---|---|
//! | 1 | a hard purge takes its entry out | 28 steps |
//! | 1 | a soft purge marks its entry | 212 |
//! | 1 | of two racing purges the newer wins | 13 685 schedules |
//! | 2 | hard and soft floors are separate numbers | 14 530 steps |
//! | 3, 5 | what is asked, checked, published and purged of a key takes turns | 5 schedules |
//! | 4 | commits and refreshes ask the exact floors | 66 steps |
//! | 6, 9 | who joins a flight, or leaves a refresh to it, asks the wide floors first | 305 |
//! | 6 | who joined after a purge of a tag that then comes is sent again | 860 |
//! | 7 | commits and refreshes ask the floors of tags, prefixes, sites | 137 |
//! | 7 | floors that give way to others become their site's | 5 079 |
//! | 7 | a sweep goes over what is stored before floors are forgotten | 412 |
//! | 7 | it is told up to where floors are forgotten before they are | 96 schedules |
//! | 7 | what was asked before the horizon is not stored | 40 steps |
//! | 8 | a 304 refreshes the very object that it is about | 2 003 |
//! | 8 | the tags of that object count beside those of the 304 | 1 537 |
//! | 8 | what is to be confirmed is judged once all purges from before the question have floors | 6 schedules |
//! | 10 | hits ask the wide floors | 64 steps |
//! | 10 | an object remembers how far it was looked at, and no further | 199 |
//! | 10 | whoever sees the number of a wide purge finds its floor | 68 schedules |
//! | 11 | paths are walked by segment | 113 steps |
//! | 11 | expressions are matched | 624 |
//!
//! Nothing may be withheld either that no purge covers: that is asked for in all worlds but those in which so
//! much was purged that floors gave way. Rule 12 is tested end to end (`tests/e2e/purge_order.rs`) and has no
//! mutation. Rules 13 and 14 are of what is not built: no store outlives its process, and no node asks
//! another.
//!
//! # Where this differs from its design, and why
//!
//! - Keys leave the port out; scheme, port and site are the first variant axes. A purge for
//!   `http://host/path` covers every spelling of the authority, and what is stored for a site that
//!   the host has left; a forged port, which an origin may write into its links, poisons nobody.
//! - HTTP/1 is read and written here ([`wire`]), on both sides, and hyper is left for HTTP/2: there is
//!   still one parser, a stricter one (no bare line feed, no length beside a coding), an idle
//!   connection holds no buffer, and a hit writes the fields as they are stored.
//! - One watchdog a connection ([`front`]) enforces every timeout, HTTP/2's zero windows included, and
//!   costs a hit nothing.
//! - The exposition format is written here, without a metrics crate: counters live with the worker
//!   that counts, and are summed when they are read.
//! - The index is our own and not moka ([`store::index`]). On a trace by Zipf's law with a crawler
//!   and a shift of popularity (`cargo bench --bench trace`, 256 MiB) it hits .540 of the requests
//!   where moka hit .503, W-TinyLFU by bytes .512, and LRU .428; a look-up takes a sixth of the time
//!   once there are more keys than the processor's caches hold; what is asked for again and again
//!   comes in sooner where a cache is full of other things; an entry costs it a third; its capacity
//!   can change while it runs; and it has no queue that can fill up, and needs no thread.
//! - Tags are not interned: an object keeps a seeded hash of eight bytes for each of its own, and a floor
//!   is found by that. So the number of tags needs no bound and no counting, and floors, which do, are
//!   forgotten after a sweep behind a horizon ([`store`]): what was asked for before it is not stored.
//! - The purge stream speaks Kafka's protocol itself ([`stream`] says why): no client in Rust tells what
//!   a reader must know to lose no purge.
//! - The memory of what cannot be cached is kept apart for requests with cookies, with
//!   Authorization, and without either, so that one reader's private page keeps nobody else's from
//!   being cached.

pub mod listen;
pub mod front;
pub mod fleet;
pub mod geodns;
pub mod flow;
pub mod site;
pub mod purge;
pub mod store;
pub mod stream;
pub mod semantics;
pub mod fetch;
pub mod origin;
pub mod reply;
pub mod telemetry;

pub mod admin;
pub mod config;
pub mod geo;
pub mod net;
pub mod wire;

pub mod base;
pub mod cli;
pub mod server;

pub mod fuzzing;
