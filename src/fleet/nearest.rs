//! The datacenters in the order of how near they are to one of them.

use crate::config::Datacenter;

/// The numbers of `all`, the nearest to the one that is called `here` first: itself, those that it lists,
/// those whose distance is known, and the rest as they are written.
pub fn nearest(all: &[Datacenter], here: Option<&str>) -> Vec<usize> {
    let own = all.iter().find(|one| Some(&*one.name) == here);
    let rank = |one: &Datacenter| -> (usize, f64) {
        let Some(own) = own else { return (usize::MAX, 0.0) };
        if one.name == own.name {
            return (0, 0.0);
        }
        let listed = own.nearest.iter().position(|name| *name == one.name);
        let distance = own.coordinates.zip(one.coordinates).map(|(a, b)| a.distance(&b));
        match (listed, distance) {
            (Some(at), _) => (at + 1, 0.0),
            (None, Some(kilometres)) => (usize::MAX - 1, kilometres),
            (None, None) => (usize::MAX, 0.0),
        }
    };
    let mut order: Vec<usize> = (0..all.len()).collect();
    // Those of one rank stay as they are.
    order.sort_by(|a, b| {
        let [(a, a_far), (b, b_far)] = [*a, *b].map(|at| rank(&all[at]));
        a.cmp(&b).then(a_far.total_cmp(&b_far))
    });
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datacenter(name: &str, coordinates: &str, nearest: &[&str]) -> Datacenter {
        Datacenter {
            name: name.into(),
            pooled: true,
            coordinates: coordinates.parse().ok(),
            nearest: nearest.iter().map(|name| (*name).into()).collect(),
        }
    }

    #[test]
    fn what_is_listed_comes_before_what_is_near() {
        let all = |nearest: &[&str]| {
            [
                datacenter("codfw", "32.8,-96.8", &[]),
                datacenter("eqiad", "39.0,-77.5", &[]),
                datacenter("eqsin", "1.35,103.8", &[]),
                datacenter("esams", "52.4,4.9", nearest),
                datacenter("unknown", "", &[]),
            ]
        };
        assert_eq!(nearest(&all(&[]), Some("esams")), [3, 1, 0, 2, 4]);
        assert_eq!(nearest(&all(&["unknown", "eqsin"]), Some("esams")), [3, 4, 2, 1, 0]);
        assert_eq!(nearest(&all(&[]), Some("codfw")), [0, 1, 3, 2, 4]);
        assert_eq!(nearest(&all(&[]), Some("unknown")), [4, 0, 1, 2, 3]);
        assert_eq!(nearest(&all(&[]), None), [0, 1, 2, 3, 4]);
    }
}
