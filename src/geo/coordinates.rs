//! Points on the earth, and how far it is from one to another.

use std::str::FromStr;

/// The earth's mean radius in kilometres (IUGG).
const RADIUS: f64 = 6371.0088;

/// A point on the earth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coordinates {
    /// Degrees north of the equator, -90 to 90.
    latitude: f64,
    /// Degrees east of Greenwich, -180 to 180.
    longitude: f64,
}

impl Coordinates {
    /// The point there; `None` where there is none.
    pub fn new(latitude: f64, longitude: f64) -> Option<Self> {
        let on_earth = latitude.abs() <= 90.0 && longitude.abs() <= 180.0;
        on_earth.then_some(Self { latitude, longitude })
    }

    /// Kilometres along the great circle to `other`, by the haversine formula (Sinnott, "Virtues of the
    /// Haversine", Sky and Telescope 1984).
    pub fn distance(&self, other: &Self) -> f64 {
        let [a, b] = [self, other].map(|at| at.latitude.to_radians());
        let half_sine = |degrees: f64| (degrees.to_radians() / 2.0).sin().powi(2);
        let north = half_sine(other.latitude - self.latitude);
        let east = half_sine(other.longitude - self.longitude);
        2.0 * RADIUS * (north + a.cos() * b.cos() * east).sqrt().min(1.0).asin()
    }
}

impl FromStr for Coordinates {
    type Err = ();

    /// Latitude and longitude in degrees, such as `39.04, -77.49`.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (latitude, longitude) = text.split_once(',').ok_or(())?;
        let degrees = |text: &str| text.trim().parse::<f64>().map_err(|_| ());
        Self::new(degrees(latitude)?, degrees(longitude)?).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Coordinates {
        text.parse().unwrap()
    }

    #[test]
    fn distances_are_those_of_the_great_circle() {
        let [ashburn, amsterdam, singapore] =
            ["39.04,-77.49", "52.37, 4.90", "1.35,103.82"].map(at);
        for (from, to, kilometres) in [
            (ashburn, amsterdam, 6217.0),
            (amsterdam, singapore, 10509.0),
            (at("0,179.5"), at("0,-179.5"), 111.2),
            (at("90,0"), at("-90,77"), 20015.1),
            (ashburn, ashburn, 0.0),
        ] {
            let found = from.distance(&to);
            assert!((found - kilometres).abs() < kilometres / 200.0 + 0.1, "{found} {kilometres}");
            assert!((found - to.distance(&from)).abs() < 1e-6);
        }
    }

    #[test]
    fn what_is_no_point_on_the_earth_is_none() {
        for text in ["", "1", "91,0", "0,181", "nan,0", "0,inf", "a,b", "1,2,3"] {
            assert_eq!(text.parse::<Coordinates>(), Err(()), "{text}");
        }
    }
}
