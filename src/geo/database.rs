//! Databases of where networks are, in MaxMind's format: the layout of GeoIP2 (City and Country), and flat
//! ones that name a country alone.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use maxminddb::{Reader, WithinOptions};
use serde::Deserialize;

use super::continent;
use super::{Coordinates, Prefix};

/// The largest file that is read, in bytes.
const LARGEST: u64 = 1 << 30;

/// Where a network is; what the database does not say is empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Place {
    /// The code of the continent, such as `EU`.
    pub continent: Option<String>,
    /// The country's code (ISO 3166-1), such as `NL`.
    pub country: Option<String>,
    /// The codes of its subdivisions (ISO 3166-2), the largest first, such as `NH`.
    pub subdivisions: Vec<String>,
    /// The city's name in English.
    pub city: Option<String>,
    /// The point.
    pub coordinates: Option<Coordinates>,
}

/// A database, in memory.
pub struct Database {
    reader: Reader<Vec<u8>>,
}

/// A record of a database, which several networks may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordId(usize);

/// What [`Database::each`] is called with: a network, its record's number, and the way to what that says.
pub type Each<'a> =
    &'a mut dyn FnMut(Prefix, RecordId, &dyn Fn() -> Result<Place, String>) -> Result<(), String>;

impl Database {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// A sentence about what is wrong with it.
    pub fn read(path: &Path) -> Result<Self, String> {
        let size = std::fs::metadata(path).map_err(|error| error.to_string())?;
        if !size.is_file() || size.len() > LARGEST {
            return Err("it is no file of at most 1 GiB".to_owned());
        }
        Self::new(std::fs::read(path).map_err(|error| error.to_string())?)
    }

    /// The database that `bytes` are.
    ///
    /// # Errors
    /// A sentence about what is wrong with it.
    pub fn new(bytes: Vec<u8>) -> Result<Self, String> {
        let reader = Reader::from_source(bytes);
        Ok(Self { reader: reader.map_err(|error| format!("it is no MaxMind database: {error}"))? })
    }

    /// What it calls itself, and when it was made, in seconds since 1970.
    pub fn title(&self) -> (&str, u64) {
        let about = self.reader.metadata();
        (&about.database_type, about.build_epoch)
    }

    /// Calls `each` with all networks that have a record, those of IPv4 and those of IPv6 in ascending order
    /// each, without those that IPv6 has for IPv4 addresses in it.
    ///
    /// # Errors
    /// What is wrong with the database, or what `each` returns first.
    pub fn each(&self, each: Each<'_>) -> Result<(), String> {
        let broken = |error| format!("it is broken: {error}");
        for found in self.reader.networks(WithinOptions::default()).map_err(broken)? {
            let found = found.map_err(broken)?;
            let network = found.network().map_err(broken)?;
            let (Some(prefix), Some(record)) =
                (Prefix::new(network.ip(), network.prefix()), found.offset())
            else {
                continue;
            };
            let place = || {
                let record: Option<Record> = found.decode().map_err(broken)?;
                Ok(record.map(Record::place).unwrap_or_default())
            };
            each(prefix, RecordId(record), &place)?;
        }
        Ok(())
    }

    /// Where `address` is.
    ///
    /// # Errors
    /// What is wrong with the database.
    pub fn find(&self, address: IpAddr) -> Result<Option<Place>, String> {
        let broken = |error| format!("it is broken: {error}");
        let found = self.reader.lookup(address).map_err(broken)?;
        Ok(found.decode::<Record>().map_err(broken)?.map(Record::place))
    }
}

/// A record in either layout.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Record {
    continent: Coded,
    country: Coded,
    registered_country: Coded,
    subdivisions: Vec<Coded>,
    city: Named,
    location: Location,
    country_code: Option<String>,
    continent_code: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Coded {
    code: Option<String>,
    iso_code: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Named {
    names: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Location {
    latitude: Option<f64>,
    longitude: Option<f64>,
}

impl Record {
    fn place(mut self) -> Place {
        let country = self.country.iso_code.or(self.country_code);
        let country = country.or(self.registered_country.iso_code).filter(|code| !code.is_empty());
        let continent = self.continent.code.or(self.continent_code);
        let known = || continent::of(country.as_deref()?).map(ToOwned::to_owned);
        Place {
            continent: continent.or_else(known),
            subdivisions: self.subdivisions.into_iter().filter_map(|one| one.iso_code).collect(),
            city: self.city.names.remove("en"),
            coordinates: self
                .location
                .latitude
                .zip(self.location.longitude)
                .and_then(|(latitude, longitude)| Coordinates::new(latitude, longitude)),
            country,
        }
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Database({})", self.title().0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::written::{self, Value};
    use super::*;

    fn city() -> Value {
        let text = |text: &str| Value::Text(text.into());
        let code = |key, code: &str| Value::map([(key, text(code))]);
        Value::map([
            ("continent", code("code", "NA")),
            ("country", code("iso_code", "US")),
            ("subdivisions", Value::List(vec![code("iso_code", "CA")])),
            ("city", Value::map([("names", Value::map([("en", text("Oakland"))]))])),
            (
                "location",
                Value::map([
                    ("latitude", Value::Double(37.8)),
                    ("longitude", Value::Double(-122.2)),
                ]),
            ),
        ])
    }

    #[test]
    fn both_layouts_say_where_networks_are() {
        let flat = Value::map([("country_code", Value::Text("JP".into()))]);
        let bytes = written::database(&[
            ("2001:db8::/32", city()),
            ("198.51.100.0/24", flat),
            ("192.0.2.0/25", city()),
        ]);
        let database = Database::new(bytes).unwrap();
        let mut told = Vec::new();
        let each = database.each(&mut |prefix, _, place| {
            told.push((prefix.to_string(), place()?));
            Ok(())
        });
        each.unwrap();
        let networks: Vec<&str> = told.iter().map(|(network, _)| network.as_str()).collect();
        assert_eq!(networks, ["192.0.2.0/25", "198.51.100.0/24", "2001:db8::/32"]);
        let (_, first) = &told[0];
        assert_eq!(first.continent.as_deref(), Some("NA"));
        assert_eq!(first.subdivisions, ["CA"]);
        assert_eq!(first.city.as_deref(), Some("Oakland"));
        assert_eq!(first.coordinates, Coordinates::new(37.8, -122.2));
        let japan = database.find("198.51.100.7".parse().unwrap()).unwrap().unwrap();
        assert_eq!(
            (japan.continent.as_deref(), japan.country.as_deref()),
            (Some("AS"), Some("JP"))
        );
        assert_eq!(database.find("203.0.113.1".parse().unwrap()), Ok(None));
        assert_eq!(database.title().0, "Test-City");
    }

    #[test]
    fn what_is_no_database_is_refused() {
        assert!(Database::new(b"nothing".to_vec()).unwrap_err().contains("no MaxMind database"));
        assert!(Database::read(Path::new("/")).is_err());
        assert!(Database::read(Path::new("/nowhere")).is_err());
    }
}
