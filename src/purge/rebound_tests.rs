//! Repeats by the clock: when they come, what they are merged with, and what happens where there are
//! too many.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::SystemTime;

use super::*;
use crate::base::{KeyText, Seq};
use crate::site::Sites;
use crate::site::sites::tests::plain_site;
use crate::store::Store;

const DELAY: Duration = Duration::from_secs(11);

struct Rig {
    clock: Clock,
    store: Arc<Store>,
    desk: Desk,
    rebounds: Rebounds,
}

impl Rig {
    /// Where `most` bytes of repeats may wait.
    fn with_room(most: u64) -> Self {
        let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
        let store = Arc::new(Store::new(1 << 20, 4));
        let desk = Desk::new(Arc::clone(&store), Sites::new(&[plain_site()]));
        let rebounds = Rebounds::new(clock.clone(), &Budget::new(most * 16));
        Self { clock, store, desk, rebounds }
    }

    fn new() -> Self {
        Self::with_room(1 << 20)
    }

    /// An order for `path` is in force, and to be repeated.
    fn order(&self, path: &str, delay: Duration) {
        let key = KeyText::new("w.test", path);
        let order = Order::new(What::Key(key.key()), None);
        self.rebounds.schedule(order, delay, || Some(plain_site().id));
    }

    /// Time passes, in steps that are shorter than a slot, and whatever is due happens.
    fn pass(&self, time: Duration) {
        let mut run = pin!(self.rebounds.run(&self.desk));
        let cx = &mut Context::from_waker(Waker::noop());
        let step = Duration::from_millis(50);
        let mut settle = || {
            for _ in 0..16 {
                assert_eq!(run.as_mut().poll(cx), Poll::Pending);
            }
        };
        settle();
        for _ in 0..time.as_millis() / step.as_millis() {
            self.clock.advance(step);
            settle();
        }
    }

    /// Purges in force so far.
    fn seq(&self) -> u64 {
        let Seq(seq) = self.store.floors().now();
        seq
    }

    fn counted(&self) -> [u64; 4] {
        let Counts { scheduled, merged, folded, repeated } = self.rebounds.counts();
        [scheduled, merged, folded, repeated].map(|count| count.load(Relaxed))
    }
}

#[test]
fn a_repeat_comes_after_the_delay_and_not_before() {
    let rig = Rig::new();
    rig.order("/a", DELAY);
    rig.pass(DELAY - Duration::from_millis(50));
    assert_eq!(rig.seq(), 0);
    rig.pass(SLOT + Duration::from_millis(50));
    assert_eq!(rig.seq(), 1);
    rig.pass(DELAY * 3);
    assert_eq!((rig.seq(), rig.counted()), (1, [1, 0, 0, 1]));
    assert_eq!(rig.rebounds.waiting(), Waiting::default());
}

#[test]
fn equal_orders_at_different_times_each_get_a_repeat_no_earlier_than_theirs() {
    let rig = Rig::new();
    rig.order("/a", DELAY);
    rig.pass(Duration::from_secs(5));
    rig.order("/a", DELAY);
    rig.pass(Duration::from_secs(6) + SLOT);
    assert_eq!(rig.seq(), 1, "the first order's");
    rig.pass(Duration::from_secs(4));
    assert_eq!(rig.seq(), 1, "the second's is not due");
    rig.pass(Duration::from_secs(1) + SLOT);
    assert_eq!(rig.seq(), 2);
}

#[test]
fn equal_orders_of_one_moment_share_a_repeat_that_is_late_enough_for_both() {
    let rig = Rig::new();
    rig.pass(Duration::from_millis(50));
    rig.order("/a", DELAY);
    rig.pass(Duration::from_millis(150));
    rig.order("/a", DELAY);
    rig.order("/b", DELAY);
    assert_eq!(rig.counted(), [2, 1, 0, 0]);
    rig.pass(DELAY - Duration::from_millis(50));
    assert_eq!(rig.seq(), 0, "too early for the later one");
    rig.pass(SLOT);
    assert_eq!(rig.seq(), 2);
}

#[test]
fn hard_and_soft_are_two_orders() {
    let rig = Rig::new();
    let key = KeyText::new("w.test", "/a");
    for mode in [Mode::Soft, Mode::Hard, Mode::Soft] {
        let order = Order { what: What::Key(key.key()), mode };
        rig.rebounds.schedule(order, DELAY, || None);
    }
    assert_eq!(rig.counted(), [2, 1, 0, 0]);
}

#[test]
fn a_shorter_delay_is_not_held_up_by_a_longer_one() {
    let rig = Rig::new();
    rig.order("/a", DELAY);
    // The task sleeps until then when the other one comes.
    let mut run = pin!(rig.rebounds.run(&rig.desk));
    let cx = &mut Context::from_waker(Waker::noop());
    assert_eq!(run.as_mut().poll(cx), Poll::Pending);
    rig.order("/a", Duration::from_secs(1));
    assert_eq!(run.as_mut().poll(cx), Poll::Pending);
    rig.clock.advance(Duration::from_secs(1) + SLOT);
    while rig.rebounds.waiting().repeats > 1 {
        assert_eq!(run.as_mut().poll(cx), Poll::Pending);
    }
    assert_eq!(rig.seq(), 1);
    rig.clock.advance(DELAY);
    while rig.rebounds.waiting().repeats > 0 {
        assert_eq!(run.as_mut().poll(cx), Poll::Pending);
    }
    assert_eq!(rig.seq(), 2);
}

#[test]
fn every_kind_of_order_is_repeated_as_it_was() {
    let rig = Rig::new();
    let site = plain_site().id;
    let key = KeyText::new("w.test", "/a");
    for what in [
        What::Key(key.key()),
        What::All(Scope::Tag(site, b"tag")),
        What::All(Scope::Prefix(site, "w.test/dir")),
        What::All(Scope::Site(site)),
        What::All(Scope::Everything),
    ] {
        for mode in [Mode::Hard, Mode::Soft] {
            let order = Order { what, mode };
            let again = Repeat::of(order);
            assert_eq!(format!("{:?}", again.order()), format!("{order:?}"));
            rig.rebounds.schedule(order, DELAY, || None);
        }
    }
    rig.pass(DELAY + SLOT);
    assert_eq!((rig.seq(), rig.counted()), (10, [10, 0, 0, 10]));
}

#[test]
fn without_room_the_whole_site_is_repeated_in_time_and_nothing_is_lost() {
    let rig = Rig::with_room(2 * (OVERHEAD + 16));
    for n in 0..10 {
        rig.order(&format!("/page{n}"), DELAY);
    }
    assert_eq!(rig.counted(), [2, 0, 8, 0]);
    let waiting = rig.rebounds.waiting();
    assert_eq!(waiting.repeats, 3, "two pages and their site");
    assert!(waiting.bytes <= rig.rebounds.most() + OVERHEAD);
    rig.pass(DELAY + SLOT);
    assert_eq!((rig.seq(), rig.rebounds.waiting()), (3, Waiting::default()));
    let sites = rig.store.wide().counts().sites.load(Relaxed);
    assert_eq!(sites, 1);
    // And then there is room again.
    rig.order("/page", DELAY);
    assert_eq!(rig.counted(), [3, 0, 8, 3]);
}

#[test]
fn what_waits_is_told_with_its_age_and_charged() {
    let rig = Rig::new();
    rig.order("/a", DELAY);
    rig.pass(Duration::from_secs(3));
    rig.order("/b", DELAY);
    let waiting = rig.rebounds.waiting();
    assert_eq!((waiting.repeats, waiting.oldest), (2, Duration::from_secs(3)));
    assert!(waiting.bytes > 2 * OVERHEAD);
    rig.pass(DELAY - Duration::from_secs(2));
    let waiting = rig.rebounds.waiting();
    assert_eq!((waiting.repeats, waiting.oldest), (1, DELAY - Duration::from_secs(2)));
}

#[test]
fn many_are_repeated_in_parts() {
    let rig = Rig::new();
    let many = 3 * BATCH + 1;
    for n in 0..many {
        rig.order(&format!("/{n}"), DELAY);
    }
    rig.pass(DELAY + SLOT);
    assert_eq!(rig.seq(), many as u64);
}
