//! Smooth weighted round robin: in every run of as many turns as the weights add up to, each
//! server gets exactly its weight, and its turns are spread evenly (the algorithm of nginx's
//! upstream module: add each its weight, take the highest, take the sum off it).

/// The state of the turns; one a cluster, behind its lock.
#[derive(Debug)]
pub(super) struct Turns(Vec<Turn>);

#[derive(Debug)]
struct Turn {
    weight: i64,
    current: i64,
}

impl Turns {
    /// Turns for servers of these weights.
    pub(super) fn new(weights: impl Iterator<Item = u32>) -> Self {
        Self(weights.map(|weight| Turn { weight: i64::from(weight), current: 0 }).collect())
    }

    /// The server whose turn it is among those that `may` be asked; `None` where none may.
    pub(super) fn next(&mut self, may: impl Fn(usize) -> bool) -> Option<usize> {
        let mut best: Option<usize> = None;
        let mut sum = 0;
        for at in (0..self.0.len()).filter(|at| may(*at)) {
            let turn = &mut self.0[at];
            turn.current += turn.weight;
            sum += turn.weight;
            let current = turn.current;
            if best.is_none_or(|best| current > self.0[best].current) {
                best = Some(at);
            }
        }
        if let Some(best) = best {
            self.0[best].current -= sum;
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_spread_evenly_by_weight() {
        let mut turns = Turns::new([5, 1, 1].into_iter());
        let order: Vec<_> = (0..7).filter_map(|_| turns.next(|_| true)).collect();
        assert_eq!(order, [0, 0, 1, 0, 2, 0, 0]);
    }

    #[test]
    fn a_server_that_may_not_be_asked_is_skipped() {
        let mut turns = Turns::new([1, 1].into_iter());
        assert_eq!(turns.next(|at| at == 1), Some(1));
        assert_eq!(turns.next(|at| at == 1), Some(1));
        assert_eq!(turns.next(|_| false), None);
    }
}
