//! What numbers tell of losses, and what they do not.

use super::*;

fn one() -> IpAddr {
    "192.0.2.1".parse().unwrap()
}

fn told(numbers: impl IntoIterator<Item = u32>) -> Told {
    let senders = Senders::default();
    numbers.into_iter().for_each(|number| senders.heard(one(), number));
    senders.told().0
}

#[test]
fn numbers_in_a_row_tell_of_nothing_wherever_they_begin_and_over_their_end() {
    assert_eq!(told(5000..9000), Told::default());
    // 0 is left out, as what has no number.
    let around = told((u32::MAX - 2000..=u32::MAX).chain(1..2000));
    assert_eq!(around, Told { missing: 1, ..Told::default() });
}

#[test]
fn what_is_skipped_is_missing() {
    assert_eq!(told([1, 2, 5, 6, 10]), Told { missing: 2 + 3, ..Told::default() });
    assert_eq!(told([100, 100 + LEAP]).missing, u64::from(LEAP) - 1);
}

#[test]
fn what_comes_after_all_is_late_and_what_comes_again_a_duplicate() {
    let told = told([1, 2, 5, 4, 3, 3, 5, 1, 6]);
    assert_eq!(told, Told { missing: 2, late: 2, duplicate: 3, ..Told::default() });
}

#[test]
fn a_straggler_from_before_the_window_is_nothing() {
    let old = told((1..=3000).filter(|n| *n != 500).chain([500, 3001]));
    assert_eq!(old, Told { missing: 1, ..Told::default() });
    let within = told((1..=3000).filter(|n| *n != 2500).chain([2500, 3001]));
    assert_eq!(within, Told { missing: 1, late: 1, ..Told::default() });
}

#[test]
fn what_was_sent_before_the_first_that_was_heard_is_not_missed_and_not_late() {
    assert_eq!(told([10, 9, 11, 8, 12]), Told::default());
}

#[test]
fn a_counter_that_begins_anew_is_seen_and_counted_from_there() {
    let restarted = Told { restarted: 1, ..Told::default() };
    // Far below, not so far below, and far above.
    assert_eq!(told((1_000_000..1_000_100).chain(1..100)), restarted);
    assert_eq!(told((5000..7000).chain(1..100)), restarted);
    assert_eq!(told((1..100).chain(1_000_000..1_000_100)), restarted);
    let then = told((1_000_000..1_000_100).chain([1, 2, 3, 4, 7]));
    assert_eq!(then, Told { missing: 2, ..restarted });
}

#[test]
fn no_number_is_none() {
    assert_eq!(told([7, 0, 0, 8]), Told::default());
}

#[test]
fn senders_are_told_apart_and_an_address_in_ipv6_s_clothes_is_one() {
    let senders = Senders::default();
    let other = "2001:db8::1".parse().unwrap();
    for (sender, number) in [(one(), 1), (other, 70), (one(), 2), (other, 71)] {
        senders.heard(sender, number);
    }
    senders.heard("::ffff:192.0.2.1".parse().unwrap(), 3);
    assert_eq!(senders.told(), (Told::default(), 2));
}

#[test]
fn the_table_is_bounded_and_who_was_heard_longest_ago_is_forgotten() {
    let senders = Senders::default();
    let address = |n: u32| IpAddr::from(n.to_be_bytes());
    let most = u32::try_from(MOST).unwrap();
    for n in 0..most {
        senders.heard(address(n), 1);
    }
    senders.heard(address(0), 2);
    senders.heard(address(most), 1);
    // The second was forgotten, so 9 is no gap of its; the first was not.
    senders.heard(address(1), 9);
    assert_eq!(senders.told(), (Told { forgotten: 2, ..Told::default() }, MOST));
    senders.heard(address(0), 4);
    assert_eq!(senders.told().0.missing, 1);
}
