//! The command line: what the operator types, what is said back, and how it ends. A file a
//! command; the exit codes are all here. This is the only room that talks to a terminal.

mod check;
mod demo;
mod fleet;
mod help;
mod notify;
mod purge;
mod run;
mod serve;
mod terminal;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::Pooled;

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    /// What was asked for is done.
    Ok = 0,
    /// It failed; standard error says why.
    Failed = 1,
    /// The command line is not one that there is.
    Usage = 2,
}

/// Runs the command that `arguments`, the program's name first, spell.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let exit = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments.command.unwrap_or_default().run(),
        Err(error) => {
            // Help and version come this way too, and go to standard output.
            drop(error.print());
            if error.use_stderr() { Exit::Usage } else { Exit::Ok }
        }
    };
    ExitCode::from(exit as u8)
}

/// An edge caching reverse proxy for wikis.
///
/// Tidegate stands in front of a wiki's servers: it terminates TLS, answers most requests from an
/// in-memory cache, fetches the rest from the cluster of the request's site, and forgets a page
/// the moment the wiki says that it changed. Without a command it serves the demo.
#[derive(Debug, Parser)]
#[command(version, disable_help_subcommand = true, after_long_help = MANUAL)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

/// What follows the options in the help of `purge`.
const PURGES: &str = "\
Examples:
  tidegate purge https://wiki.test/wiki/Tide
  tidegate purge --from-file pages.txt --via 127.0.0.1:8081
  tidegate purge --tag page-7 --site wiki
  tidegate purge --prefix https://wiki.test/w/ --hard --dry-run
  TIDEGATE_TOKEN=... tidegate purge --everything --admin 127.0.0.1:9180

Pages go by PURGE to --via, which needs no token. Everything else goes to the admin listener, and so do
pages beside it, or where --admin, --token-file or --dry-run is given.";

/// What follows the list of commands in `--help`.
const MANUAL: &str = "\
Examples:
  tidegate                                   serve the demo wiki on 127.0.0.1:8080
  tidegate check /etc/tidegate/tidegate.toml
  tidegate run --config /etc/tidegate/tidegate.toml
  tidegate purge https://wiki.test/wiki/Tide --via 127.0.0.1:8081

Exit codes:
  0  what was asked for is done
  1  it failed; standard error says why
  2  the command line is wrong

Signals to a running server:
  SIGHUP           read the configuration and the certificates again, all or nothing;
                   what is stored and who is connected stays
  SIGTERM, SIGINT  finish what is in flight and end; a second one ends at once

Files:
  /etc/tidegate/tidegate.toml  where deploy/tidegate.service looks for the configuration

Environment:
  TIDEGATE_TOKEN   the secret that `purge` shows to the admin listener
  NOTIFY_SOCKET    set by systemd; told when the server is ready, reloads and stops";

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve what a configuration file says
    Run {
        /// The configuration file
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Check a configuration file: every error at once, and nothing is started
    Check {
        /// The configuration file
        file: PathBuf,
        /// Print the configuration as it applies, defaults included
        #[arg(long)]
        effective: bool,
    },
    /// Serve the built-in demo: a small wiki behind the cache (the same as no command)
    Demo(DemoOptions),
    /// Make a running Tidegate forget pages, tags, paths, sites
    #[command(after_long_help = PURGES)]
    Purge(purge::Options),
    /// Have datacenters or servers take requests, on every node that follows etcd
    Pool(fleet::Options),
    /// Have them take none
    Depool {
        /// They are not there any more, and count no more towards a threshold
        #[arg(long)]
        inactive: bool,
        #[command(flatten)]
        options: fleet::Options,
    },
    /// Show datacenters, or move what one does to another
    Datacenter {
        #[command(subcommand)]
        command: fleet::Datacenter,
    },
    /// Explain a command, or list every reason that Cache-Status, logs and metrics name
    Help {
        /// A command, or `reasons`
        topic: Option<String>,
    },
}

/// Where the demo listens and what it prints.
#[derive(Clone, Debug, clap::Args)]
struct DemoOptions {
    /// Where to serve HTTP
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    http: SocketAddr,
    /// Where to serve HTTPS, with a self-signed certificate
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8443")]
    https: SocketAddr,
    /// Where to serve /healthz, /metrics and /status
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9180")]
    admin: SocketAddr,
    /// Print the access log
    #[arg(long)]
    log: bool,
    /// Print the demo's configuration and end
    #[arg(long)]
    print_config: bool,
}

impl Default for Command {
    fn default() -> Self {
        let demo = Arguments::try_parse_from(["tidegate", "demo"]).ok();
        demo.and_then(|arguments| arguments.command).expect("`demo` needs no arguments")
    }
}

impl Command {
    fn run(self) -> Exit {
        match self {
            Self::Run { config } => run::run(&config),
            Self::Check { file, effective } => check::check(&file, effective),
            Self::Demo(options) => demo::demo(&options),
            Self::Purge(options) => purge::purge(&options),
            Self::Pool(options) => fleet::pool(&options, Pooled::Yes),
            Self::Depool { inactive, options } => {
                fleet::pool(&options, if inactive { Pooled::Inactive } else { Pooled::No })
            }
            Self::Datacenter { command } => fleet::datacenter(&command),
            Self::Help { topic } => help::help(topic.as_deref()),
        }
    }
}

/// The runtime that a command's own waiting happens on; the server brings its own.
fn runtime() -> Result<tokio::runtime::Runtime, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| format!("cannot start a runtime: {error}"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn help_lists_every_command_and_every_exit_code() {
        let help = Arguments::command().render_long_help().to_string();
        for command in Arguments::command().get_subcommands() {
            assert!(help.contains(&format!("\n  {} ", command.get_name())), "{help}");
        }
        for exit in [Exit::Ok, Exit::Failed, Exit::Usage] {
            assert!(help.contains(&format!("\n  {}  ", exit as u8)), "{help}");
        }
    }

    #[test]
    fn no_command_is_the_demo() {
        assert!(parse("tidegate").unwrap().command.is_none());
        assert!(
            matches!(Command::default(), Command::Demo(options) if options.http.port() == 8080)
        );
    }

    #[test]
    fn what_is_missing_is_a_usage_error() {
        for line in ["tidegate run", "tidegate check", "tidegate purge", "tidegate nonsense"] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }
}
