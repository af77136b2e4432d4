//! Messages that were changed at random: what is answered stays within its bounds and can be read.
//! `TIDEGATE_SEED` repeats a run.

use hickory_proto::op::Message;

use super::Transport;
use super::tests::{with, world};
use crate::geodns::Kind;
use crate::geodns::query::{COOKIE, NSID, SUBNET};

#[test]
fn whatever_comes_is_answered_within_its_bounds_and_readably() {
    let seed = std::env::var("TIDEGATE_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("TIDEGATE_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let world = world();
    let names =
        ["a", "alias", "many", "text", "x.sub", "nothing", "x.w", "www.example.", "gone", "closed"];
    let kinds = [Kind::A, Kind::AAAA, Kind::TXT, Kind::ANY, Kind::DS, Kind::SOA];
    let (mut answered, mut read) = (0, 0);
    for _ in 0..60_000 {
        let cookie = std::array::from_fn::<u8, 24, _>(|_| random.u8(..));
        let subnet = [0, random.u8(1..3), random.u8(..130), 0, random.u8(..), random.u8(..), 0];
        let options =
            [(SUBNET, &subnet[..]), (COOKIE, &cookie[..8 * random.usize(1..4)]), (NSID, b"")];
        let (from, to) = (random.usize(..4), random.usize(..4));
        let name = names[random.usize(..names.len())];
        let kind = kinds[random.usize(..kinds.len())];
        let mut bytes = with(name, kind, options.get(from..to).unwrap_or_default());
        for _ in 0..random.usize(..4) {
            let at = random.usize(..bytes.len());
            match random.u8(..3) {
                0 => bytes[at] = random.u8(..),
                1 => bytes.truncate(at.max(1)),
                _ => bytes.insert(at, random.u8(..)),
            }
        }
        let Some((outcome, out)) = world.ask_as(&bytes, Transport::Udp) else { continue };
        answered += 1;
        assert_eq!(out.len(), outcome.length);
        assert!(out.len() <= 512 && out.len() <= 4 * bytes.len(), "{bytes:?}");
        // The other reader has opinions on types that were asked for and on names that are too odd.
        read += usize::from(Message::from_vec(&out).is_ok());
        _ = world.ask_as(&bytes, Transport::Tcp);
    }
    println!("{answered} answered, {read} read");
    assert!(answered > 40_000 && read > answered / 100 * 98, "{answered} {read}");
}
