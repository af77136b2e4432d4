//! What the fuzz targets in `fuzz/` call, and what `cargo test` replays their corpora through: bytes
//! of a stranger's go in, and nothing may panic.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::LazyLock;

use crate::base::{ListenerId, Peer, WorkerId};
use crate::config::{self, Config, Ids};
use crate::semantics::Present;
use crate::site::{self, Sites};

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

/// `data` as a Host field and, after the first line break, a request target. A request that is taken
/// has a key, and a purge that names that key in absolute form must reach the same one.
pub fn key(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == b'\n');
    let (host, target) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let Some(key) = planned("GET", target, Some(host)) else { return };
    let (host, _) = key.split_once('/').unwrap_or((key.as_str(), ""));
    assert!(!host.bytes().any(|byte| byte.is_ascii_uppercase()), "{host} has another spelling");
    let absolute = format!("http://{key}");
    // Longer than http::Uri takes: no such request can come.
    if absolute.len() < usize::from(u16::MAX) {
        let purged = planned("PURGE", absolute.as_bytes(), None);
        assert_eq!(purged.as_ref(), Some(&key), "a purge for {absolute} goes elsewhere");
    }
}

/// The text of the key under which a request is looked up or purged; `None` where it is refused.
fn planned(method: &str, target: &[u8], host: Option<&[u8]>) -> Option<String> {
    static CONFIG: LazyLock<(Config, Sites)> = LazyLock::new(|| {
        let text = "[node]\nname = \"fuzz\"\nmemory = \"1GiB\"\n\
                    [[listener]]\naddress = \"127.0.0.1:0\"\n\
                    [cluster.any]\nservers = [\"127.0.0.1:1\"]\n\
                    [site.any]\nhosts = [\"*\"]\ncluster = \"any\"\n";
        let loaded = config::parse(text, "fuzz", Path::new("."), &Ids::default());
        let config = loaded.expect("a configuration of four lines is one").config;
        let sites = Sites::new(&config.sites);
        (config, sites)
    });
    let (config, sites) = &*CONFIG;
    let mut request = http::Request::builder().method(method).uri(target);
    if let Some(host) = host {
        request = request.header("host", host);
    }
    let (head, ()) = request.body(()).ok()?.into_parts();
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    let peer = Peer {
        listener: ListenerId(0),
        worker: WorkerId(0),
        local: address,
        remote: address,
        tls: false,
        purge_only: false,
    };
    let plan = site::plan(&head, Present::of(&head.headers), false, &peer, sites, config).ok()?;
    Some(plan.key.as_str().to_owned())
}
