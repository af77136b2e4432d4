//! How many of the readers whom a lost datacenter sends on each of the others takes, so that none is filled
//! beyond what it can serve while another has room: rooms for [`choose`](super::choose).
//!
//! Readers go along their lists. Each datacenter takes of those sent on the same fraction, whatever list they
//! come from; fractions only fall while they are sought, what is not taken only adds to what comes later, so
//! that the search settles. Where it leaves readers over, every datacenter of their list is full.

use super::choose::WHOLE;

/// A datacenter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Site {
    /// What it can serve; `None` where that is not known, and it takes all that come.
    pub capacity: Option<f64>,
    /// How many slices of its own readers it takes; none where it is down.
    pub share: u16,
    /// Whether it takes readers at all.
    pub up: bool,
}

/// Readers with one list: the datacenters, the best first, and how much they ask for, in the unit of
/// [`Site::capacity`].
#[derive(Clone, Debug, PartialEq)]
pub struct Demand {
    /// Numbers of datacenters.
    pub list: Box<[u8]>,
    /// How much.
    pub load: f64,
}

/// What each datacenter takes, and what it gets by that.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Slices of those sent on.
    pub rooms: Vec<u16>,
    /// What comes, without those who find no room.
    pub loads: Vec<f64>,
    /// What finds no room anywhere.
    pub left: f64,
}

/// The plan for `demands` of `sites`.
pub fn plan(sites: &[Site], demands: &[Demand]) -> Plan {
    let mut rooms = vec![WHOLE; sites.len()];
    loop {
        let flow = flow(sites, demands, &rooms);
        let mut moved = false;
        for (at, site) in sites.iter().enumerate() {
            let Some(capacity) = site.capacity.filter(|_| flow.offered[at] > 0.0) else { continue };
            let room = (capacity - flow.own[at]).max(0.0);
            let slices = slices(room / flow.offered[at]);
            // Whole slices only ever go, so this ends.
            if slices < rooms[at] {
                (rooms[at], moved) = (slices, true);
            }
        }
        if !moved {
            let taken =
                flow.offered.iter().zip(&rooms).map(|(offered, room)| offered * part(*room));
            let loads = flow.own.iter().zip(taken).map(|(own, taken)| own + taken).collect();
            return Plan { loads, left: flow.left, rooms };
        }
    }
}

fn part(slices: u16) -> f64 {
    f64::from(slices.min(WHOLE)) / f64::from(WHOLE)
}

/// As many whole slices as a fraction has.
fn slices(fraction: f64) -> u16 {
    (0..=WHOLE).rev().find(|slices| f64::from(*slices) <= fraction * f64::from(WHOLE)).unwrap_or(0)
}

struct Flow {
    /// What each takes of its own readers.
    own: Vec<f64>,
    /// What others send on to it.
    offered: Vec<f64>,
    left: f64,
}

fn flow(sites: &[Site], demands: &[Demand], rooms: &[u16]) -> Flow {
    let mut flow = Flow { own: vec![0.0; sites.len()], offered: vec![0.0; sites.len()], left: 0.0 };
    for demand in demands {
        let mut load = demand.load;
        for (place, at) in demand.list.iter().map(|at| usize::from(*at)).enumerate() {
            let Some(site) = sites.get(at).filter(|site| site.up) else { continue };
            if place == 0 {
                let taken = load * part(site.share);
                flow.own[at] += taken;
                load -= taken;
            } else {
                flow.offered[at] += load;
                load -= load * part(rooms[at]);
            }
        }
        flow.left += load;
    }
    flow
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(capacity: f64) -> Site {
        Site { capacity: Some(capacity), share: WHOLE, up: true }
    }

    fn demand(list: &[u8], load: f64) -> Demand {
        Demand { list: list.into(), load }
    }

    #[test]
    fn a_neighbour_is_filled_and_the_rest_goes_on() {
        let mut sites = [site(100.0), site(100.0), site(100.0)];
        let demands =
            [demand(&[0, 1, 2], 60.0), demand(&[1, 2, 0], 80.0), demand(&[2, 1, 0], 40.0)];
        let whole = plan(&sites, &demands);
        assert_eq!((whole.rooms, whole.left), (vec![WHOLE; 3], 0.0));
        sites[0].up = false;
        let plan = plan(&sites, &demands);
        assert_eq!(plan.rooms[1], 341, "a third of sixty");
        assert!(plan.loads[1] <= 100.0 && plan.loads[2] <= 100.0, "{plan:?}");
        assert!(plan.left < 0.1 && plan.loads[2] > 79.9);
    }

    #[test]
    fn the_loss_of_the_largest_of_seven_fills_none_beyond_what_it_can_serve() {
        // 80 % of seven, the largest with a fifth of all: the six others can just serve what comes.
        let capacities = [150.0, 130.0, 120.0, 110.0, 100.0, 90.0, 80.0];
        let mut sites = capacities.map(site);
        let mut demands = Vec::new();
        for (at, capacity) in (0_u8..).zip(capacities) {
            // Each has readers with two lists, to left and to right.
            let right: Vec<u8> = (0..7).map(|step| (at + step) % 7).collect();
            let left: Vec<u8> = (0..7).map(|step| (at + 7 - step) % 7).collect();
            demands.push(demand(&right, capacity * 0.5));
            demands.push(demand(&left, capacity * 0.3));
        }
        sites[0].up = false;
        let plan = plan(&sites, &demands);
        for (load, capacity) in plan.loads.iter().zip(capacities).skip(1) {
            assert!(*load <= capacity + 1e-9, "{plan:?}");
        }
        assert!(plan.left < 1.0, "{plan:?}");
        let sum: f64 = plan.loads.iter().sum::<f64>() + plan.left;
        assert!((sum - 780.0 * 0.8).abs() < 1e-6);
    }

    #[test]
    fn a_share_sends_the_rest_on_and_what_is_not_known_takes_all() {
        let mut sites = [site(100.0), site(10.0), Site { capacity: None, ..site(0.0) }];
        sites[0].share = WHOLE / 4;
        let plan = plan(&sites, &[demand(&[0, 1, 2], 40.0)]);
        assert!(plan.loads[0] == 10.0 && plan.loads[1] <= 10.0 && plan.left == 0.0, "{plan:?}");
        assert!(plan.rooms[1] < WHOLE && plan.rooms[2] == WHOLE);
    }

    #[test]
    fn what_has_no_room_anywhere_is_left() {
        let mut sites = [site(10.0), site(10.0)];
        sites[0].up = false;
        let plan = plan(&sites, &[demand(&[0, 1], 8.0), demand(&[1, 0], 8.0)]);
        assert!(plan.loads[1] <= 10.0 && (plan.left + plan.loads[1] - 16.0).abs() < 1e-6);
    }
}
