//! How long light takes between two places of the earth, through the cables that there are.

use std::time::Duration;

/// In glass, two thirds of what it is in nothing: kilometres a second.
const LIGHT: f64 = 299_792.0 * 2.0 / 3.0;

/// Cables go around: they are taken to be so much longer than the great circle.
pub const DETOUR: f64 = 1.4;

/// A place, in degrees north and east.
#[derive(Clone, Copy)]
pub struct Spot(pub f64, pub f64);

impl Spot {
    /// Kilometres to `other` on the great circle.
    pub fn kilometres(self, other: Self) -> f64 {
        const RADIUS: f64 = 6371.0;
        let [here, there] = [self.0, other.0].map(f64::to_radians);
        let [north, east] = [other.0 - self.0, other.1 - self.1].map(f64::to_radians);
        let half =
            (north / 2.0).sin().powi(2) + here.cos() * there.cos() * (east / 2.0).sin().powi(2);
        2.0 * RADIUS * half.sqrt().asin()
    }

    /// What a packet takes to `other`.
    pub fn one_way(self, other: Self) -> Duration {
        Duration::from_secs_f64(self.kilometres(other) * DETOUR / LIGHT)
    }
}
