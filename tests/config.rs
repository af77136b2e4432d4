//! Files of configuration: good ones, bad ones with their exact messages, and the reference.
//! With TIDEGATE_BLESS set the expected texts are written anew instead of compared.

use std::fs;
use std::path::{Path, PathBuf};

use tidegate::config::{self, Config, HostPattern, Ids, Pem, Profile};

/// A path from the package's folder, so that messages with paths are the same everywhere.
fn fixtures(kind: &str) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = fs::read_dir(Path::new("tests/config").join(kind))
        .expect("the fixtures are there")
        .map(|entry| entry.expect("they can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    all.sort();
    all
}

fn load(path: &Path) -> Result<config::Loaded, config::Errors> {
    let name = path.file_name().and_then(|name| name.to_str()).expect("a fixture's name");
    let text = fs::read_to_string(path).expect("the fixture can be read");
    config::parse(&text, name, path.parent().expect("it is in a folder"), &Ids::default())
}

fn load_good(path: &Path) -> config::Loaded {
    load(path).unwrap_or_else(|errors| panic!("{}:\n{errors}", path.display()))
}

/// Compares `text` with the file at `path`, or writes it there.
fn held_equal(path: &Path, text: &str) -> Result<(), String> {
    if std::env::var_os("TIDEGATE_BLESS").is_some() {
        fs::write(path, text).expect("the expected text can be written");
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    if expected == text {
        return Ok(());
    }
    Err(format!("{} says:\n{expected}but it is now:\n{text}", path.display()))
}

#[test]
fn bad_files_are_refused_with_exactly_these_messages() {
    let all = fixtures("bad");
    assert!(all.len() >= 25, "only {} fixtures", all.len());
    let mut wrong = Vec::new();
    for path in all {
        match load(&path) {
            Ok(_) => wrong.push(format!("{} is accepted", path.display())),
            Err(errors) => {
                wrong.extend(held_equal(&path.with_extension("txt"), &errors.to_string()).err());
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn good_files_are_accepted_and_what_applies_is_read_back() {
    for path in fixtures("good") {
        let loaded = load_good(&path);
        let printed = loaded.effective();
        // Printed paths have their folder already.
        let again = config::parse(&printed, "effective", Path::new(""), &Ids::default())
            .unwrap_or_else(|errors| panic!("{}:\n{printed}\n{errors}", path.display()));
        assert_eq!(format!("{:?}", loaded.config), format!("{:?}", again.config));
    }
}

#[test]
fn the_contract_means_what_it_says() {
    let Config { node, listeners, certificates, cache, admin, purge, clusters, sites, .. } =
        load_good(Path::new("tests/config/good/contract.toml")).config;
    assert_eq!((node.name.as_str(), node.datacenter.as_deref()), ("cp1", Some("eqiad")));
    assert_eq!((node.memory, node.workers, cache.memory), (2 << 30, 2, 1 << 30));
    let flags: Vec<_> = listeners.iter().map(|l| (l.address.port(), l.tls, l.purge_only)).collect();
    assert_eq!(flags, [(8080, false, false), (8443, true, false), (8081, false, true)]);
    assert_eq!(certificates[0].cert, Pem::File("tests/config/good/cert.pem".into()));
    assert_eq!(certificates[0].key, Pem::File("tests/config/good/key.pem".into()));
    assert_eq!(admin, Some("127.0.0.1:9180".parse().unwrap()));
    assert!(purge.allow.contains("::1".parse().unwrap()));
    assert_eq!(clusters[0].locations[0].servers[0].port, 18080);
    let expected =
        [HostPattern::Suffix(".wiki.test".into()), HostPattern::Exact("wiki.test".into())];
    assert_eq!(sites[0].hosts, expected);
    assert_eq!(sites[0].profile, Profile::MediaWiki);
    assert_eq!(sites[0].cluster.name.as_ref(), "wiki");
}

#[test]
fn the_reference_is_what_the_table_of_keys_says() {
    let path = Path::new("conf/reference.toml");
    held_equal(path, &config::reference()).unwrap_or_else(|wrong| panic!("{wrong}"));
}

#[test]
fn the_reference_is_accepted_as_it_stands_and_changes_no_default() {
    let reference = load_good(Path::new("conf/reference.toml"));
    let bare = load_good(Path::new("tests/config/good/bare.toml"));
    // Only the admin listener is there or not.
    let mut config = reference.config;
    config.admin = None;
    assert_eq!(format!("{config:?}"), format!("{:?}", bare.config));
}

#[test]
fn the_reference_is_accepted_with_every_comment_taken_away() {
    let text = config::reference();
    let whole: String = text
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(key) if !key.is_empty() && !key.starts_with(' ') => format!("{key}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let folder = std::env::temp_dir().join(format!("tidegate-reference-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    for name in [
        "cert.pem",
        "key.pem",
        "roots.pem",
        "client.pem",
        "client.key",
        "etcd-ca.pem",
        "etcd-client.pem",
        "etcd-client.key",
        "etcd.password",
        "fleet.pem",
        "node.pem",
        "node.key",
        "error.html",
        "token",
    ] {
        fs::write(folder.join(name), "").unwrap();
    }
    let loaded = config::parse(&whole, "reference.toml", &folder, &Ids::default());
    fs::remove_dir_all(&folder).unwrap();
    let loaded = loaded.unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(loaded.config.certificates.len(), 1);
    assert!(!loaded.effective().contains(" is not set"), "{}", loaded.effective());
}
