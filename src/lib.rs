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
//! 1. [`listen`] accepts a connection on one worker's runtime, where it stays for its life.
//! 2. [`front`] speaks TLS and HTTP/1.1, which [`wire`] reads, or HTTP/2 through hyper, and hands over
//!    heads and bodies.
//! 3. [`flow`] is the plot. Its first step has [`site`] decide, from values alone, what is to be done.
//! 4. A purge raises a floor in the [`store`] and is answered: from then on nothing asked of the
//!    origin before it is served as fresh, whatever races it.
//! 5. A lookup finds an object that [`semantics`] calls fresh: the answer stands, without waiting.
//! 6. A stale one may be served while one flight refreshes it behind the answer.
//! 7. A miss leads a flight in [`fetch`], or follows one. A response that may be stored grows in the
//!    cache; everybody reads it there. One that may not goes to its leader, and the others at once
//!    ask for themselves.
//! 8. [`origin`] picks the server whose turn it is and a kept connection, and asks.
//! 9. [`reply`] makes the answer: conditions, ranges, Age, Via and Cache-Status with the reason.
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
//! | 2 | [`store`], [`origin`], [`site`], [`front`], [`listen`] |
//! | 3 | [`fetch`], [`purge`], [`reply`] |
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
//!   origin service with **servers**.
//! - **key**: canonical host, path and query. **entry**: all stored **variants** of a key; scheme,
//!   port and site are the first variant axis, Vary the others. **object**: one stored response. **flight**:
//!   one question to an origin that any number of clients share. **fill**: its growing answer.
//! - **hit, stale, revalidated, miss, pass, synth, refused**: what became of a request. **reason**:
//!   the one word that says why, the same in Cache-Status, log and metrics
//!   (`tidegate help reasons`).
//! - **fresh → grace → keep**: an object's life. **purge**: hard removes, soft makes stale.
//! - **seq**: the node's purge sequence number. **floor**: what was asked of the origin below it is
//!   not valid. **asked**: the seq that a flight read before its request could leave.
//!
//! # Where this differs from its design, and why
//!
//! - Keys leave the port out; scheme, port and site are the first variant axis. A purge for
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
//! - The memory of what cannot be cached is kept apart for requests with cookies, with
//!   Authorization, and without either, so that one reader's private page keeps nobody else's from
//!   being cached.

pub mod listen;
pub mod front;
pub mod flow;
pub mod site;
pub mod purge;
pub mod store;
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
