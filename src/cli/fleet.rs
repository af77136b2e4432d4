//! `tidegate pool`, `depool` and `datacenter`: change in etcd what is pooled, for every node that follows
//! it. What would change is shown first, with what follows for clusters; what would leave a cluster with too
//! few servers, or an active/passive one without exactly one primary, is refused. All of a change is
//! written at once, and only where nobody else has changed anything meanwhile.

use std::io::{BufRead, IsTerminal, stdin};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::terminal::{ask, complain, say};
use super::{Exit, runtime};
use crate::base::Clock;
use crate::config::{self, Cluster, Config, Ids, Pooled, Spread};
use crate::fleet::etcd::reach;
use crate::fleet::known::Snapshot;
use crate::fleet::state::{Entry, State};
use crate::fleet::{Decision, decision};

/// Where etcd is, and whether it is changed.
#[derive(Clone, Debug, Args)]
pub(super) struct Common {
    /// The configuration whose fleet section names etcd, and whose clusters the change is judged by
    #[arg(long, value_name = "FILE", default_value = "/etc/tidegate/tidegate.toml")]
    config: PathBuf,
    /// Change it without asking
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// What `tidegate pool` and `tidegate depool` take.
#[derive(Clone, Debug, Args)]
pub(super) struct Options {
    /// Datacenters (`eqiad`), servers (`eqiad/wiki/10.64.0.1:80`; `-/wiki/…` where there are no
    /// datacenters), or nodes (`https://cp1.eqiad.example.org:8443`, as `edges` name it, or
    /// `nodes/eqiad/https://…`)
    #[arg(required = true, value_name = "WHAT")]
    what: Vec<String>,
    /// The servers' share from now on
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(0..=65_535))]
    weight: Option<u32>,
    #[command(flatten)]
    common: Common,
}

/// What `tidegate datacenter` takes.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum Datacenter {
    /// Show the datacenters, and which of them clusters go to
    Show(Common),
    /// Drain a datacenter: what is active/passive moves to another, and no more requests go to it
    Switch {
        /// The one that is drained
        from: String,
        /// The one that takes over
        to: String,
        /// Move what is active/passive alone
        #[arg(long)]
        primaries_only: bool,
        #[command(flatten)]
        common: Common,
    },
}

/// Pools what `options` name.
pub(super) fn pool(options: &Options, pooled: Pooled) -> Exit {
    done(run(&options.common, |config, state| {
        options
            .what
            .iter()
            .map(|what| changed(config, state, what, pooled, options.weight))
            .collect()
    }))
}

/// Shows datacenters, or moves what they do.
pub(super) fn datacenter(command: &Datacenter) -> Exit {
    done(match command {
        Datacenter::Show(common) => show(common),
        Datacenter::Switch { from, to, primaries_only, common } => {
            run(common, |config, state| switch(config, state, (from, to), *primaries_only))
        }
    })
}

fn done(ended: Result<(), String>) -> Exit {
    match ended {
        Ok(()) => Exit::Ok,
        Err(why) => {
            complain(why);
            Exit::Failed
        }
    }
}

/// An entry that is to be another.
type Change = (String, Entry);

fn changed(
    config: &Config,
    state: &State,
    what: &str,
    pooled: Pooled,
    weight: Option<u32>,
) -> Result<Change, String> {
    let key = match what.splitn(3, '/').collect::<Vec<_>>()[..] {
        _ if let Some(key) = node(config, what) => key,
        [name] => {
            known(config, name)?;
            State::datacenter(name)
        }
        [datacenter, cluster, server] => {
            let found = config.clusters.iter().find(|one| *one.name == *cluster);
            let found = found.ok_or_else(|| format!("{what}: there is no cluster {cluster}"))?;
            let servers = servers(found, datacenter);
            if !servers.iter().any(|name| **name == *server) {
                return Err(format!("{what}: its servers there are: {}", servers.join(", ")));
            }
            State::server(datacenter, cluster, server)
        }
        _ => return Err(format!("{what}: a datacenter, DATACENTER/CLUSTER/SERVER, or a node")),
    };
    let before = state.get(&key).and_then(|entry| entry.weight);
    Ok((key, Entry { pooled, weight: weight.or(before) }))
}

/// The key of the node that `edges` name so, or that is told by its whole key, where this configuration is
/// of a node that knows of no others.
fn node(config: &Config, address: &str) -> Option<String> {
    let told = address.strip_prefix("nodes/").and_then(|rest| rest.split_once('/'));
    if let Some((datacenter, address)) = told {
        return known(config, datacenter).ok().map(|()| State::node(datacenter, address));
    }
    let edges = config.edges.as_ref()?;
    let is = |server: &config::Server| *server.name == *address;
    let there = edges.locations.iter().find(|location| location.servers.iter().any(is))?;
    Some(State::node(there.datacenter.as_deref().unwrap_or(decision::NOWHERE), address))
}

fn known(config: &Config, name: &str) -> Result<(), String> {
    if config.datacenters.iter().any(|one| *one.name == *name) {
        return Ok(());
    }
    let all: Vec<&str> = config.datacenters.iter().map(|one| &*one.name).collect();
    Err(format!("{name}: there is no such datacenter; there are: {}", all.join(", ")))
}

fn servers<'a>(cluster: &'a Cluster, datacenter: &str) -> Vec<&'a str> {
    let there = |location: &&config::Location| {
        location.datacenter.as_deref().unwrap_or(decision::NOWHERE) == datacenter
    };
    let locations = cluster.locations.iter().filter(there);
    locations.flat_map(|location| &location.servers).map(|server| &*server.name).collect()
}

/// What drains `from` so that `to` takes over.
fn switch(
    config: &Config,
    state: &State,
    (from, to): (&str, &str),
    primaries_only: bool,
) -> Result<Vec<Change>, String> {
    known(config, from).and_then(|()| known(config, to))?;
    if from == to {
        return Err("a datacenter cannot take over from itself".to_owned());
    }
    let entry = |pooled| Entry { pooled, weight: None };
    let decision = Decision::new(config, state, None);
    let mut changes = Vec::new();
    for cluster in &config.clusters {
        if let Some(primary) = decision.primary(cluster)
            && primary == from
        {
            if servers(cluster, to).is_empty() {
                return Err(format!("the cluster {} has no servers in {to}", cluster.name));
            }
            changes.push((State::primary(&cluster.name, from), entry(Pooled::No)));
            changes.push((State::primary(&cluster.name, to), entry(Pooled::Yes)));
        }
    }
    if !primaries_only {
        changes.push((State::datacenter(from), entry(Pooled::No)));
        changes.push((State::datacenter(to), entry(Pooled::Yes)));
    }
    Ok(changes)
}

fn show(common: &Common) -> Result<(), String> {
    let config = read(&common.config)?;
    let state = runtime()?.block_on(async {
        let (_, snapshot) = reach(&config.fleet, &Clock::system()).await?;
        Ok::<_, String>(snapshot.state)
    })?;
    let decision = Decision::new(&config, &state, None);
    for datacenter in &config.datacenters {
        let pooled = if decision::is_pooled(&state, datacenter) { "yes" } else { "no" };
        say(format_args!("datacenter {}: pooled {}", datacenter.name, pooled));
    }
    tell(&config, &decision);
    decision.refused.iter().for_each(|why| complain(format_args!("refused by nodes: {why}")));
    Ok(())
}

fn tell(config: &Config, decision: &Decision) {
    for cluster in &config.clusters {
        let asked = decision.datacenters(cluster).join(", then ");
        let how = match cluster.spread {
            Spread::Primary(_) => "active/passive",
            Spread::Nearest => "active/active",
        };
        say(format_args!("cluster {} ({how}): {asked}", cluster.name));
    }
}

fn read(file: &Path) -> Result<Config, String> {
    let loaded = config::load(file, &Ids::default());
    let config = loaded.map_err(|errors| errors.to_string().trim_end().to_owned())?.config;
    if config.fleet.etcd.is_empty() {
        return Err(format!("{}: no `etcd` in its [fleet]", file.display()));
    }
    Ok(config)
}

/// Shows what `change` would make of etcd, and makes it.
fn run(
    common: &Common,
    change: impl Fn(&Config, &State) -> Result<Vec<Change>, String>,
) -> Result<(), String> {
    let config = read(&common.config)?;
    runtime()?.block_on(async {
        let (mut etcd, Snapshot { state: before, revision, .. }) =
            reach(&config.fleet, &Clock::system()).await?;
        let mut after = before.clone();
        let mut writes = Vec::new();
        for (key, entry) in change(&config, &before)? {
            let now = before.get(&key);
            if now == Some(entry) {
                continue;
            }
            say(format_args!("{key}: {} → {}", shown(now), shown(Some(entry))));
            after.set(&key, Some(entry));
            writes.push((key, Some(entry)));
        }
        if writes.is_empty() {
            say("nothing to change");
            return Ok(());
        }
        judge(&config, &before, &after)?;
        tell(&config, &Decision::new(&config, &after, None));
        if common.dry_run {
            say("nothing was changed");
            return Ok(());
        }
        if !common.yes && !agreed()? {
            return Err("nothing was changed".to_owned());
        }
        match etcd.write(&writes, revision).await? {
            true => say("written; nodes that follow etcd have it within a second"),
            false => {
                return Err(
                    "somebody else has changed something meanwhile: nothing was changed; look \
                            again"
                        .to_owned(),
                );
            }
        }
        Ok(())
    })
}

fn shown(entry: Option<Entry>) -> String {
    entry.map_or_else(|| "as configured".to_owned(), |entry| entry.value().to_string())
}

fn agreed() -> Result<bool, String> {
    if !stdin().is_terminal() {
        return Err("this is no terminal: --yes says that it is meant".to_owned());
    }
    ask("Change it? [y/N] ");
    let mut answer = String::new();
    stdin().lock().read_line(&mut answer).map_err(|error| error.to_string())?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Whether nodes would take `after`, and no pool would have too few servers for it.
fn judge(config: &Config, before: &State, after: &State) -> Result<(), String> {
    let decision = Decision::new(config, after, None);
    if !decision.refused.is_empty() {
        return Err(format!("refused: {}", decision.refused.join("\nrefused: ")));
    }
    let old = Decision::new(config, before, None);
    let any = |state| config.datacenters.iter().any(|one| decision::is_pooled(state, one));
    if any(before) && !any(after) {
        return Err("refused: no datacenter would be pooled".to_owned());
    }
    for cluster in &config.clusters {
        for (at, location) in cluster.locations.iter().enumerate() {
            let [left, had] = [&decision, &old].map(|one| one.pooled(cluster, at));
            // What is asked first from now on must be able to answer.
            let taken_over = decision.first(cluster) == Some(at) && old.first(cluster) != Some(at);
            let there = decision.there(cluster, at);
            let least = (there * cluster.depool_threshold as usize).div_ceil(100);
            if left < least && (left < had || taken_over) {
                let place = location.datacenter.as_deref().unwrap_or(decision::NOWHERE);
                return Err(format!(
                    "refused: {left} of {there} servers would be left to the cluster {} in {place}, and its \
                     depool_threshold is {} %",
                    cluster.name, cluster.depool_threshold
                ));
            }
        }
    }
    Ok(())
}
