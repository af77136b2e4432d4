//! `tidegate purge`: orders a running Tidegate to forget pages, and what people name otherwise.
//!
//! Pages go over PURGE, in the form that MediaWiki uses ([`by_method`]), unless something is asked for
//! that only the API knows: tags, prefixes, expressions, sites, everything, a dry run, a token or its
//! address ([`by_api`]). URLs of a file are read as they are sent, so a list may be of any length; on a
//! terminal it is told how far it has come. With `--stream` they are published for every node instead
//! ([`by_stream`]).

mod by_api;
mod by_method;
mod by_stream;
mod list;
mod progress;

use std::path::PathBuf;

use clap::{ArgGroup, Args};

pub(super) use by_method::order_for;

use super::terminal::complain;
use super::{Exit, runtime};
use crate::store::Mode;
use list::Source;

/// What `tidegate purge` takes.
#[derive(Clone, Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).multiple(true))]
pub(super) struct Options {
    /// Pages to forget; http:// and https:// mean the same, both are forgotten
    #[arg(group = "what", value_name = "URL")]
    urls: Vec<String>,
    /// Forget the pages of this file too, a URL a line; `-` is standard input
    #[arg(long, group = "what", value_name = "FILE")]
    from_file: Option<PathBuf>,
    /// Forget what carries this tag in the site of --site; more than one may be given
    #[arg(long, group = "what", value_name = "TAG", requires = "site")]
    tag: Vec<String>,
    /// Forget what lies below this URL, itself included; more than one may be given
    #[arg(long, group = "what", value_name = "URL")]
    prefix: Vec<String>,
    /// Forget what this expression matches, of host/path?query; only in the site of --site, if it is
    /// there; more than one may be given
    #[arg(long, group = "what", value_name = "EXPRESSION")]
    regex: Vec<String>,
    /// Forget this site; with --tag or --regex, only what they name in it
    #[arg(long, group = "what", value_name = "NAME")]
    site: Option<String>,
    /// Forget everything
    #[arg(long, group = "what")]
    everything: bool,
    /// Make stale, to be revalidated: what is usual for all but pages
    #[arg(long, conflicts_with = "hard")]
    soft: bool,
    /// Remove: what is usual for pages
    #[arg(long)]
    hard: bool,
    /// Purge nothing, and tell how many entries would be touched
    #[arg(long)]
    dry_run: bool,
    /// A listener that takes purges from here, for pages
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    via: String,
    /// The admin listener, for everything else; pages go there too where it is named [default:
    /// 127.0.0.1:9180]
    #[arg(long, value_name = "HOST:PORT")]
    admin: Option<String>,
    /// A file with the token for the admin listener; else TIDEGATE_TOKEN is one, where it is set
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Publish in the purge stream instead, for every node that reads it
    #[arg(long, requires = "config", conflicts_with_all = ["dry_run", "token_file"])]
    stream: bool,
    /// The configuration whose first [[purge.stream]] says where; into its first topic
    #[arg(long, value_name = "FILE", requires = "stream")]
    config: Option<PathBuf>,
    /// Wait until this node has applied what was published, or with `fleet` every living node on etcd's
    /// roll, for a minute at most
    #[arg(
        long,
        requires = "stream",
        value_name = "WHOM",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "node"
    )]
    wait: Option<Whom>,
}

/// For whom is waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Whom {
    /// This node.
    Node,
    /// Every living node.
    Fleet,
}

/// Where the admin listener is, unless it is told.
const ADMIN: &str = "127.0.0.1:9180";

impl Options {
    fn mode(&self) -> Option<Mode> {
        match (self.soft, self.hard) {
            (true, _) => Some(Mode::Soft),
            (_, true) => Some(Mode::Hard),
            _ => None,
        }
    }

    /// Whether something is asked for that PURGE cannot say.
    fn needs_api(&self) -> bool {
        let listed = [&self.tag, &self.prefix, &self.regex].iter().any(|list| !list.is_empty());
        let told = self.admin.is_some() || self.token_file.is_some();
        listed || told || self.site.is_some() || self.everything || self.dry_run
    }
}

/// Purges what `options` name; a line for each.
pub(super) fn purge(options: &Options) -> Exit {
    // What is typed wrong is found before anything is purged.
    for url in options.urls.iter().chain(&options.prefix) {
        if let Err(why) = list::url(url) {
            complain(format_args!("{url}: {why}"));
            return Exit::Usage;
        }
    }
    let done = runtime().and_then(|runtime| {
        let source = Source::open(options.urls.clone(), options.from_file.as_deref())?;
        if options.stream {
            return runtime.block_on(by_stream::send(source, options));
        }
        match options.needs_api() {
            true => runtime.block_on(by_api::send(source, options)),
            false => runtime.block_on(by_method::send(source, &options.via, options.mode())),
        }
    });
    done.unwrap_or_else(|why| {
        complain(why);
        Exit::Failed
    })
}
