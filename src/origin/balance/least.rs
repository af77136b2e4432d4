//! The least loaded of two (Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", IEEE
//! TPDS 2001): nearly as even as the least loaded of all, and no two nodes run after the same server.

use std::ops::Range;

use super::Servers;

/// Draws two servers by weight, of those that may be asked, and takes the one that has less to do for its
/// weight. `draw` draws a number from a range.
pub(super) fn next(
    weights: &[u32],
    servers: &impl Servers,
    mut draw: impl FnMut(Range<u64>) -> u64,
) -> Option<usize> {
    let mut drawn = |other: Option<usize>| {
        let may = |at: usize| other != Some(at) && servers.may(at);
        let all = || weights.iter().enumerate().filter(|(at, _)| may(*at));
        let sum: u64 = all().map(|(_, weight)| u64::from(*weight)).sum();
        let mut left = if sum > 0 { draw(0..sum) } else { return None };
        for (at, weight) in all() {
            match left.checked_sub(u64::from(*weight)) {
                Some(rest) => left = rest,
                None => return Some(at),
            }
        }
        // Who may be asked is another between two looks.
        all().map(|(at, _)| at).next()
    };
    let first = drawn(None)?;
    let Some(second) = drawn(Some(first)) else { return Some(first) };
    // By what each will have with this one: else an idle small server is as good as an idle large one.
    let with = |at: usize| servers.load(at) as u64 + 1;
    let first_is_more =
        with(first) * u64::from(weights[second]) > with(second) * u64::from(weights[first]);
    Some(if first_is_more { second } else { first })
}

#[cfg(test)]
mod tests {
    use super::super::simulation_tests::Fixed;
    use super::*;

    #[test]
    fn of_two_the_one_with_less_for_its_weight_is_taken() {
        let servers = Fixed { may: vec![true, true], load: vec![3, 1] };
        for draw in [0, 1] {
            // The second draw is among the one that is left.
            let mut draws = [draw, 0].into_iter();
            let drawn = |range: Range<u64>| draws.next().expect("two are drawn") % range.end;
            assert_eq!(next(&[1, 1], &servers, drawn), Some(1));
        }
        let mut draws = [0, 0].into_iter();
        let drawn = |_| draws.next().expect("two are drawn");
        assert_eq!(
            next(&[4, 1], &servers, drawn),
            Some(0),
            "4 for a weight of 4 is less than 2 for one of 1"
        );
    }

    #[test]
    fn one_that_may_not_be_asked_is_never_drawn() {
        let mut servers = Fixed { may: vec![false, true, false], load: vec![0, 9, 0] };
        assert_eq!(next(&[9, 1, 9], &servers, fastrand::u64), Some(1));
        servers.may[1] = false;
        assert_eq!(next(&[9, 1, 9], &servers, fastrand::u64), None);
    }
}
