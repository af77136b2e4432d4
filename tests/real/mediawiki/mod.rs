//! Real wikis behind an edge, end to end: MediaWiki as Debian packages it, with everything that it is
//! asked counted in its own log, and the same checks for Tidegate and for Varnish.
//!
//! One bring-up serves all checks, each of which has pages of its own. A check is a sentence that
//! holds or does not, and says what was seen instead. Those that do not hold for Tidegate fail the
//! test; Varnish has a column of the table that is printed. `TIDEGATE_REAL_CHECKS=word` runs only
//! checks with that word in their sentence, and
//! `TIDEGATE_REAL_WIKI_SECONDS=600` leaves it all up, to be looked at by hand.

mod chromium;
mod content;
mod crawl;
mod editing;
mod outage;
mod reading;
mod sessions;
mod spelling;
mod stage;
mod tidegate;
mod transports;
mod varnish;
mod visitor;
mod wiki;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use ::tidegate::base::Clock;

use super::wait::{SOON, alone, setting, until};
use crawl::Found;
use stage::{Front, Stage, Verdict};
use varnish::Varnish;
use wiki::{PASSWORD, Wiki};

/// A sentence and how it is looked into.
pub type Check = (&'static str, fn(&Stage<'_>) -> Verdict);

/// The same for a crawl, with what the wiki itself answers.
type Crawl = (&'static str, fn(&Stage<'_>, &Found) -> Verdict);

/// All checks. They share an edge, and have pages of their own.
const CHECKS: [&[Check]; 5] =
    [reading::CHECKS, editing::CHECKS, sessions::CHECKS, spelling::CHECKS, outage::CHECKS];

/// Crawls of Tidegate's, each of an edge that has nothing stored.
const CRAWLS: [Crawl; 2] = [
    ("curl, crawling, gets what the wiki sends, a second time from the store", crawl::crawl),
    ("Chromium, crawling, shows every page, a second time from the store", chromium::crawl),
];

/// A column of the table.
struct Column {
    name: &'static str,
    lines: usize,
    verdicts: Vec<Verdict>,
}

#[test]
#[ignore = "needs MediaWiki, Chromium, Varnish, hitch from Debian: tests/real/install"]
fn a_wiki_behind_tidegate_is_read_and_edited() {
    let _alone = alone();
    let clock = Clock::system();
    let begun = clock.now();
    let wiki = Wiki::start();
    println!("MediaWiki is up after {:.1?}", clock.now() - begun);
    let only = std::env::var("TIDEGATE_REAL_CHECKS").unwrap_or_default();
    let mut checks = CHECKS.concat();
    checks.retain(|(sentence, _)| sentence.contains(&only));
    let crawls = crawls(&wiki, &only);
    println!("it is crawled after {:.1?}", clock.now() - begun);
    let tidegate = column(&wiki, &tidegate::start(wiki.address()), &checks);
    println!("Tidegate is checked after {:.1?}", clock.now() - begun);
    look_around(&wiki);
    let varnish = column(&wiki, &Varnish::start(wiki.address()), &checks);
    println!("Varnish is checked after {:.1?}", clock.now() - begun);
    print(&checks, &[&tidegate, &varnish]);
    let failed = tidegate.verdicts.iter().chain(&crawls).filter(|verdict| verdict.is_err()).count();
    assert_eq!(failed, 0, "checks that do not hold for Tidegate");
}

/// Runs all crawls.
fn crawls(wiki: &Wiki, only: &str) -> Vec<Verdict> {
    let crawls: Vec<_> = CRAWLS.into_iter().filter(|crawl| crawl.0.contains(only)).collect();
    let mut found = None;
    let crawled = crawls.into_iter().map(|(sentence, crawl)| {
        let edge = tidegate::start(wiki.address());
        let stage = Stage { wiki, front: &edge };
        let found = found.get_or_insert_with(|| crawl::at_the_wiki(&stage));
        told(&stage, sentence, || crawl(&stage, found))
    });
    crawled.collect()
}

/// Leaves everything up for as long as the environment says, for somebody who wants to look around.
fn look_around(wiki: &Wiki) {
    let time = Duration::from_secs(setting("TIDEGATE_REAL_WIKI_SECONDS", 0));
    if time.is_zero() {
        return;
    }
    let edge = tidegate::start(wiki.address());
    wiki.purges_go_to(Some(edge.purge));
    println!(
        "for {time:.0?}, Admin's password is {PASSWORD}, and the wikis are {}:",
        wiki.address()
    );
    println!("  curl -i --connect-to :80:{} http://alpha.wiki.test/wiki/Contents", edge.plain);
    println!("  curl -ik --connect-to :443:{} https://alpha.wiki.test/wiki/Contents", edge.tls);
    let clock = Clock::system();
    let end = clock.now() + time;
    until("the time is over", time + SOON, || clock.now() >= end);
}

/// Runs all checks at one edge.
fn column(wiki: &Wiki, front: &dyn Front, checks: &[Check]) -> Column {
    wiki.purges_go_to(Some(front.purge()));
    let stage = Stage { wiki, front };
    let verdicts = checks.iter().map(|(sentence, check)| told(&stage, sentence, || check(&stage)));
    let verdicts = verdicts.collect();
    wiki.purges_go_to(None);
    Column { name: front.name(), lines: lines_of(&front.configuration()), verdicts }
}

/// Runs one check and tells what came of it.
fn told(stage: &Stage<'_>, sentence: &str, check: impl FnOnce() -> Verdict) -> Verdict {
    let verdict = catch_unwind(AssertUnwindSafe(check));
    let verdict = verdict.unwrap_or_else(|panic| Err(words(panic.as_ref())));
    let verdict = verdict.and_then(|()| stage.front.is_well());
    let shown = verdict.as_ref().map_or_else(String::clone, |()| "holds".to_owned());
    println!("{}: {sentence}: {shown}", stage.front.name());
    verdict
}

/// Lines that say something.
fn lines_of(configuration: &str) -> usize {
    let lines = configuration.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).count()
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_owned()
}

fn print(checks: &[Check], columns: &[&Column]) {
    let row = |first: &str, cells: Vec<String>| println!("| {first} | {} |", cells.join(" | "));
    row("check", columns.iter().map(|column| column.name.to_owned()).collect());
    row("---", columns.iter().map(|_| "---".to_owned()).collect());
    for (n, (sentence, _)) in checks.iter().enumerate() {
        let cell =
            |column: &&Column| if column.verdicts[n].is_ok() { "yes" } else { "no" }.to_owned();
        row(sentence, columns.iter().map(cell).collect());
    }
    row("lines of configuration", columns.iter().map(|column| column.lines.to_string()).collect());
}
