//! A local file of entries that hold whatever etcd says.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::state::State;
use crate::base::whole;

/// The longest file that is read.
const LONGEST: u64 = 16 << 20;

/// The file, as it was read last.
#[derive(Debug, Default)]
pub struct Overrides {
    path: Option<PathBuf>,
    /// As it was when it was looked at, well or not.
    seen: Option<Result<Option<Vec<u8>>, String>>,
    state: State,
}

impl Overrides {
    /// The file at `path`, not yet read.
    pub fn new(path: Option<&Path>) -> Self {
        Self { path: path.map(Path::to_owned), ..Self::default() }
    }

    /// Its entries; none where there is no file.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Whether it is another than it was when it was looked at.
    pub fn is_other(&self) -> bool {
        let Some(path) = &self.path else { return false };
        let found = whole::read(path, LONGEST).map_err(|error| error.to_string());
        self.seen.as_ref() != Some(&found)
    }

    /// Reads it, if it is another than it was; whether what it says may be too.
    ///
    /// # Errors
    /// A sentence about what is wrong with it; what it said before stays. Told once.
    pub fn look(&mut self) -> Result<bool, String> {
        let Some(path) = &self.path else { return Ok(false) };
        let found = whole::read(path, LONGEST).map_err(|error| error.to_string());
        if self.seen.as_ref() == Some(&found) {
            return Ok(false);
        }
        let wrong = |why: &dyn std::fmt::Display| {
            Err(format!("{}: {why}; what it said before stays", path.display()))
        };
        let said = match &found {
            Ok(None) => Ok(State::default()),
            Ok(Some(bytes)) => match serde_json::from_slice::<Value>(bytes) {
                Ok(value) => State::read(&value).or_else(|why| wrong(&why)),
                Err(error) => wrong(&error),
            },
            Err(error) => wrong(error),
        };
        self.seen = Some(found);
        self.state = said?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Pooled;

    #[test]
    fn it_is_read_when_it_changes_and_what_is_wrong_changes_nothing() {
        let path = std::env::temp_dir().join(format!("tidegate-overrides-{}", std::process::id()));
        let mut overrides = Overrides::new(Some(&path));
        assert_eq!((overrides.look(), overrides.look()), (Ok(true), Ok(false)), "it is not there");
        std::fs::write(&path, r#"{"datacenters/eqiad": {"pooled": "no"}}"#).unwrap();
        assert_eq!((overrides.look(), overrides.look()), (Ok(true), Ok(false)));
        let pooled = |overrides: &Overrides| {
            overrides.state().get("datacenters/eqiad").map(|entry| entry.pooled)
        };
        assert_eq!(pooled(&overrides), Some(Pooled::No));
        std::fs::write(&path, r#"{"datacenters/eqiad": {"pooled""#).unwrap();
        assert!(overrides.look().unwrap_err().contains("tidegate-overrides"));
        assert_eq!((overrides.look(), pooled(&overrides)), (Ok(false), Some(Pooled::No)));
        std::fs::remove_file(&path).unwrap();
        assert_eq!((overrides.look(), pooled(&overrides)), (Ok(true), None));
        assert_eq!(Overrides::new(None).look(), Ok(false));
    }
}
