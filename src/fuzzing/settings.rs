//! Configurations: refused with a word, or taken; and what is taken can be printed, read again, and
//! means the same then.

use std::path::Path;

use crate::config::{self, HostPattern, Ids};
use crate::site::{Authority, Sites};

/// `data` as the text of a configuration. One that is taken must also print; what is printed must be
/// taken again, change nothing, and print as itself. A host that a site names exactly must be one
/// that a client can name.
pub fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let ids = Ids::default();
    let parse = |text: &str| config::parse(text, "fuzz", Path::new("/nonexistent"), &ids);
    let loaded = match parse(text) {
        Ok(loaded) => loaded,
        Err(errors) => {
            assert!(!errors.to_string().is_empty(), "refused without a word");
            return;
        }
    };
    let effective = loaded.effective();
    let again = parse(&effective)
        .unwrap_or_else(|errors| panic!("what applies is refused:\n{errors}\n{effective}"));
    let changes = config::diff(&loaded, &again);
    assert!(changes.is_empty(), "what applies means something else: {changes:?}\n{effective}");
    let once_more = again.effective();
    let settled = parse(&once_more).map(|loaded| loaded.effective());
    assert_eq!(settled.ok().as_ref(), Some(&once_more), "printing does not settle");

    let sites = Sites::new(&loaded.config.sites);
    for site in &loaded.config.sites {
        for host in &site.hosts {
            let HostPattern::Exact(name) = host else { continue };
            let asked = Authority::parse(name);
            let asked = asked.unwrap_or_else(|why| panic!("nobody can ask for {name}: {why}"));
            assert_eq!(asked.host, name, "a client that asks for it asks for something else");
            let found = sites.find(name).map(|site| site.id);
            assert_eq!(found, Some(site.id), "{name} leads to another site");
        }
    }
}
