//! What the fuzz targets in `fuzz/` call, and what `cargo test` replays their corpora through: bytes
//! of a stranger's go in, and nothing may panic.

use std::path::Path;

use crate::config::{self, Ids};

/// `data` as the text of a configuration. One that is taken must also print, and what is printed
/// must be taken again.
pub fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let parse =
        |text: &str| config::parse(text, "fuzz", Path::new("/nonexistent"), &Ids::default());
    match parse(text) {
        Ok(loaded) => {
            let effective = loaded.effective();
            if let Err(errors) = parse(&effective) {
                panic!("what applies is refused:\n{errors}\n{effective}");
            }
        }
        Err(errors) => assert!(!errors.to_string().is_empty(), "refused without a word"),
    }
}
