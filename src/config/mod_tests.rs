//! The room as a whole: what a text means, what it is refused for, what is told of it.

use std::path::PathBuf;

use super::*;

const MINIMAL: &str = r#"
[[listener]]
address = "127.0.0.1:8080"
[cluster.wiki]
servers = ["127.0.0.1:18080"]
[site.wiki]
hosts = ["*.wiki.test", "wiki.test"]
cluster = "wiki"
"#;

fn machine() -> Machine {
    Machine { hostname: Some("cp1".into()), cores: 4, memory: Some(10 << 30) }
}

fn loaded(text: &str) -> Loaded {
    try_loaded(text, &Ids::default()).unwrap_or_else(|errors| panic!("{errors}"))
}

fn try_loaded(text: &str, ids: &Ids) -> Result<Loaded, Errors> {
    parse_on(&machine(), text, "test.toml", Path::new("/etc/tidegate"), ids)
}

/// [`MINIMAL`] with more.
fn with(more: &str) -> Config {
    loaded(&format!("{MINIMAL}{more}")).config
}

#[test]
fn every_default_of_the_table_can_be_read() {
    let config = with("");
    assert_eq!(config.node.name, "cp1");
    assert_eq!(config.node.workers, 4);
    assert_eq!(config.node.memory, (10 << 30) / 5 * 4);
    assert_eq!(config.cache.memory, (10 << 30) / 5 * 2);
    assert_eq!(config.cache.max_object, 8 << 20);
    assert_eq!(config.node.unknown_host, 421);
    assert_eq!(config.admin, None);
    assert!(config.purge.everywhere);
    assert!(config.purge.allow.contains("127.0.0.1".parse().unwrap()));
    assert!(!config.purge.allow.contains("10.0.0.1".parse().unwrap()));
    assert_eq!(config.timeouts.idle.as_secs(), 75);
    assert_eq!(config.limits.header_bytes, 24 << 10);
    assert_eq!(config.log.access, AccessSink::Stdout);
    assert_eq!(config.sites[0].profile, Profile::Plain);
    assert_eq!(config.sites[0].max_request_body, 100 << 20);
    assert_eq!(config.clusters[0].locations[0].servers[0].weight, 1);
}

#[test]
fn the_defaults_of_the_table_hold_for_every_profile() {
    for profile in ["plain", "mediawiki", "upload"] {
        let text = format!(
            "{MINIMAL}[site.other]\nhosts = [\"*\"]\ncluster = \"wiki\"\nprofile = \"{profile}\""
        );
        let config = loaded(&text).config;
        let freshness = config.sites[0].freshness;
        let (grace, keep) = if profile == "plain" { (0, 600) } else { (1200, 86_400) };
        assert_eq!(freshness.grace.as_secs(), grace, "{profile}");
        assert_eq!(freshness.keep.as_secs(), keep, "{profile}");
        assert_eq!(freshness.default_ttl, None);
    }
}

#[test]
fn a_key_that_is_written_comes_before_its_profile() {
    let config = with("profile = \"mediawiki\"\ngrace = \"0s\"\n");
    assert_eq!(config.sites[0].freshness.grace.as_secs(), 0);
    assert_eq!(config.sites[0].freshness.keep.as_secs(), 86_400);
}

#[test]
fn a_small_cache_takes_smaller_objects_by_default() {
    assert_eq!(with("[cache]\nmemory = \"1MiB\"\n").cache.max_object, 128 << 10);
}

#[test]
fn paths_are_taken_from_the_files_folder() {
    let here = std::env::temp_dir();
    let text = format!("{MINIMAL}[log]\naccess = \"access.log\"\n");
    let config = parse_on(&machine(), &text, "test.toml", &here, &Ids::default()).unwrap().config;
    assert_eq!(config.log.access, AccessSink::File(here.join("access.log")));
    let text = format!("{MINIMAL}[log]\naccess = \"/access.log\"\n");
    let config = parse_on(&machine(), &text, "test.toml", &here, &Ids::default()).unwrap().config;
    assert_eq!(config.log.access, AccessSink::File(PathBuf::from("/access.log")));
}

#[test]
fn a_node_uses_its_own_datacenters_servers_or_else_the_clusters_or_else_all() {
    let names = |datacenter: &str, servers: &str| -> Vec<String> {
        let text = format!(
            "[node]\ndatacenter = \"{datacenter}\"\n[[listener]]\naddress = \"[::]:80\"\n\
             [cluster.a]\n{servers}\n\
             [cluster.a.datacenter.north]\nservers = [\"10.1.0.1:80\", \"10.0.0.1:80\"]\n\
             [cluster.a.datacenter.south]\nservers = [\"10.2.0.1:80\", \"10.0.0.1:80\"]\n"
        );
        let config = loaded(&text).config;
        config.clusters[0].locations[0]
            .servers
            .iter()
            .map(|server| server.name.to_string())
            .collect()
    };
    let own = "servers = [\"10.9.0.1:80\"]";
    assert_eq!(names("south", own), ["10.2.0.1:80", "10.0.0.1:80"]);
    assert_eq!(names("west", own), ["10.9.0.1:80"]);
    assert_eq!(names("west", ""), ["10.1.0.1:80", "10.0.0.1:80", "10.2.0.1:80"]);
}

#[test]
fn numbers_stay_over_reloads_and_a_refused_file_takes_none() {
    let ids = Ids::default();
    let first = try_loaded(MINIMAL, &ids).unwrap().config;
    let bad = MINIMAL.replace("[cluster.wiki]", "[cluster.a]");
    assert!(try_loaded(&bad, &ids).is_err());
    let more = format!(
        "{MINIMAL}[cluster.another]\nservers = [\"[::1]:80\"]\n\
         [site.another]\nhosts = [\"*\"]\ncluster = \"another\"\n"
    );
    let second = try_loaded(&more, &ids).unwrap().config;
    assert_eq!(second.clusters[0].name.as_ref(), "another");
    assert_eq!((second.clusters[0].id.0, second.sites[0].id.0), (1, 1));
    assert_eq!(second.clusters[1].id, first.clusters[0].id);
    assert_eq!(second.sites[1].id, first.sites[0].id);
}

#[test]
fn a_machine_that_does_not_say_is_asked_for_in_the_file() {
    let silent = Machine { hostname: Some("not a token".into()), cores: 1, memory: None };
    let errors =
        parse_on(&silent, MINIMAL, "test.toml", Path::new(""), &Ids::default()).unwrap_err();
    assert_eq!(
        errors.to_string(),
        "test.toml:1: [node] has no `name`, and this machine no answer\n    \
         hint: write it, for example: name = \"cp1\"\n\
         test.toml:1: [node] has no `memory`, and this machine no answer\n    \
         hint: write it, for example: memory = \"2GiB\"\n"
    );
}

#[test]
fn others_add_their_errors_at_the_place_of_a_thing() {
    let loaded = loaded(&format!("{MINIMAL}[admin]\naddress = \"127.0.0.1:9180\"\n"));
    let mut errors = loaded.error_at(Spot::Admin, "it is in use", "take another");
    errors.join(loaded.error_at(Spot::Listener(0), "it may not be bound", "ask for it"));
    errors.join(loaded.error_at(Spot::Roots("wiki"), "no roots", "write some"));
    errors.join(loaded.error_at(Spot::ErrorPage("wiki"), "no page", "write one"));
    assert_eq!(errors.len(), 4);
    assert_eq!(
        errors.to_string(),
        "test.toml:3: it may not be bound\n    address = \"127.0.0.1:8080\"\n    hint: ask for it\n\
         test.toml:4: no roots\n    [cluster.wiki]\n    hint: write some\n\
         test.toml:6: no page\n    [site.wiki]\n    hint: write one\n\
         test.toml:10: it is in use\n    address = \"127.0.0.1:9180\"\n    hint: take another\n"
    );
}

#[test]
fn what_applies_can_be_read_back() {
    let first = loaded(&format!(
        "{MINIMAL}profile = \"mediawiki\"\n[site.wiki.property.X-Class]\nof = \"cookie:skin\"\n\
         values = [{{ match = \"^m\", is = \"mobile\" }}]\n[site.\"with.dot\"]\nhosts = [\"*\", \"[::1]\"]\n\
         cluster = \"wiki\"\n[node]\ndatacenter = \"x\"\n[admin]\n\
         [cluster.wiki.datacenter.x]\nservers = [{{ address = \"https://a.test\", weight = 3 }}]\n"
    ));
    let printed = first.effective();
    let second = loaded(&printed);
    assert_eq!(format!("{:?}", first.config.sites), format!("{:?}", second.config.sites));
    assert_eq!(diff(&first, &second), []);
    for line in [
        "workers = 4  # default: as many as cores",
        "unknown_host = 421  # default",
        "grace = \"20m\"  # default of the profile mediawiki",
        "profile = \"mediawiki\"",
        "# default_ttl is not set: none",
        "[site.\"with.dot\"]",
        "    { address = \"127.0.0.1:18080\", weight = 1 },  # default: weight",
        "[cluster.wiki.datacenter.x]",
        "[site.wiki.property.X-Class]",
        "    { match = \"^m\", is = \"mobile\" },",
    ] {
        assert!(printed.lines().any(|l| l == line), "no `{line}` in:\n{printed}");
    }
}

#[test]
fn a_reload_tells_what_changes_and_what_needs_a_restart() {
    let old = loaded(&format!("{MINIMAL}[cache]\nmemory = \"1GiB\"\n"));
    let new = MINIMAL.replace(":8080", ":8081").replace("\"wiki.test\"", "\"wiki.example\"");
    let new = loaded(&format!(
        "{new}profile = \"upload\"\n[cache]\nmemory = \"2GiB\"\n[admin]\n[timeouts]\nidle = \"9s\"\n"
    ));
    let changes: Vec<String> = diff(&old, &new).iter().map(ToString::to_string).collect();
    // A profile changes what it gives defaults to: of those only two here.
    let told = |line: &&String| {
        !line.starts_with("site.wiki.")
            || ["hosts", "profile", "grace", "keep"].iter().any(|key| line.contains(key))
    };
    assert_eq!(
        changes.iter().filter(told).collect::<Vec<_>>(),
        [
            "listener: { address = \"127.0.0.1:8080\", tls = false, proxy_protocol = [] } → nothing",
            "listener: nothing → { address = \"127.0.0.1:8081\", tls = false, proxy_protocol = [] }",
            "cache.memory: \"1GiB\" → \"2GiB\" (needs a restart)",
            "admin: nothing → { address = \"127.0.0.1:9180\" }",
            "timeouts.idle: \"75s\" → \"9s\"",
            "site.wiki.hosts: [\"*.wiki.test\", \"wiki.test\"] → [\"*.wiki.test\", \"wiki.example\"]",
            "site.wiki.profile: \"plain\" → \"upload\"",
            "site.wiki.grace: \"0s\" → \"20m\"",
            "site.wiki.keep: \"10m\" → \"1d\"",
        ]
    );
    assert_eq!(diff(&old, &old), []);
}

#[test]
fn a_file_that_is_not_utf8_or_not_there_is_told_so() {
    let path = std::env::temp_dir().join(format!("tidegate-utf8-{}.toml", std::process::id()));
    std::fs::write(&path, b"[node]\nname = \"\xff\"\n").unwrap();
    let errors = load(&path, &Ids::default()).unwrap_err().to_string();
    std::fs::remove_file(&path).unwrap();
    assert!(errors.contains(".toml:2: this is not UTF-8\n    name = "), "{errors}");
    let errors = load(&path, &Ids::default()).unwrap_err().to_string();
    assert!(errors.contains(".toml: cannot be read: No such file"), "{errors}");
}

#[test]
fn no_beginning_and_no_slip_of_a_file_panics() {
    let text = reference();
    let chars: Vec<char> = text.chars().collect();
    // Primes, so that every kind of place is met without trying all.
    for end in (0..chars.len()).step_by(37) {
        let cut: String = chars[..end].iter().collect();
        let _ = try_loaded(&cut, &Ids::default()).map_err(|errors| errors.to_string());
    }
    for at in (0..chars.len()).step_by(29) {
        for slip in ['"', '[', '=', '\u{0}', 'é', '\n', '9'] {
            let mut slipped = chars.clone();
            slipped[at] = slip;
            let slipped: String = slipped.iter().collect();
            let _ = try_loaded(&slipped, &Ids::default()).map_err(|errors| errors.to_string());
        }
    }
}
