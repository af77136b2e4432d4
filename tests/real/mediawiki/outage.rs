//! Checks of an edge before wikis that are down: readers keep reading for the grace time, and what the
//! outage left is forgotten when it is over.

use std::time::Instant;

use tidegate::base::Clock;

use super::super::answer::Answer;
use super::super::wait::{SOON, until};
use super::Check;
use super::stage::{Page, Stage, Verdict, ensure};
use super::visitor::Way;
use super::wiki::{MAX_AGE, Wiki};

pub const CHECKS: &[Check] = &[
    ("readers keep reading while the wiki's servers are down", servers_down),
    ("readers keep reading while the wiki answers with errors", errors_only),
    ("nobody waits while a page is refreshed", a_slow_wiki),
    (
        "an edited page is not shown from before its edit, even when the wiki is down",
        edited_and_down,
    ),
];

/// For how long pages are fresh before these outages, in seconds.
const SHORT: u32 = 1;

/// Brings the wikis back, however a check ends.
struct Outage<'a>(&'a Wiki);

impl Drop for Outage<'_> {
    fn drop(&mut self) {
        self.0.pages_stay_fresh_for(MAX_AGE);
        self.0.start_again();
    }
}

fn servers_down(stage: &Stage<'_>) -> Verdict {
    outage(stage, "Servers down", &|wiki| wiki.stop())
}

fn errors_only(stage: &Stage<'_>) -> Verdict {
    outage(stage, "Errors only", &|wiki| wiki.stop_php())
}

fn age(answer: &Answer) -> u64 {
    answer.field("age").and_then(|age| age.parse().ok()).unwrap_or(0)
}

fn outage(stage: &Stage<'_>, title: &str, begin: &dyn Fn(&Wiki)) -> Verdict {
    let page = stage.page(title, "All is calm.");
    let unread = stage.page(&format!("{title}, unread"), "Nobody read this.");
    let over = Outage(stage.wiki);
    stage.wiki.pages_stay_fresh_for(SHORT);
    stage.shows(&page.view(), "All is calm.", 1)?;
    begin(stage.wiki);
    until("the page is past its freshness", SOON, || {
        let answer = stage.reader().ask(&page.view());
        age(&answer) > u64::from(SHORT) || answer.status != 200
    });
    for way in [Way::Plain, Way::Tls, Way::Http2] {
        let view = page.view().over(way);
        let stale = stage.reader().ask(&view);
        ensure(stale.status == 200 && stale.text().contains("All is calm."), || {
            format!("{view}: {}", stale.head)
        })?;
    }
    let answer = stage.reader().ask(&unread.view());
    ensure((502..=504).contains(&answer.status), || format!("{}: {}", unread.view(), answer.head))?;
    drop(over);

    let since = Clock::system().now();
    recovers(stage, &unread, since, "Nobody read this.")?;
    recovers(stage, &page, since, "All is calm.")?;
    stage.edit(&page, "It is over.")?;
    stage.shows(&page.view(), "It is over.", 1)?;
    stage.hits([page.view(), unread.view()])
}

fn a_slow_wiki(stage: &Stage<'_>) -> Verdict {
    let page = stage.page("Slowly refreshed", "Take your time.");
    let over = Outage(stage.wiki);
    stage.wiki.pages_stay_fresh_for(SHORT);
    stage.shows(&page.view(), "Take your time.", 1)?;
    let hold = stage.wiki.hold_pages();
    let mut waited = Ok(());
    until("the page is past its freshness", SOON, || {
        let answer = stage.reader().ask(&page.view());
        waited = ensure(answer.status == 200, || answer.head.clone());
        age(&answer) > u64::from(SHORT) || waited.is_err()
    });
    waited?;
    hold.wait_for_a_page();
    for way in [Way::Plain, Way::Tls, Way::Http2] {
        stage.shows(&page.view().over(way), "Take your time.", 0)?;
    }
    drop(hold);
    drop(over);
    until("the page is refreshed", SOON, || age(&stage.reader().ask(&page.view())) <= 1);
    Ok(())
}

fn edited_and_down(stage: &Stage<'_>) -> Verdict {
    let page = stage.page("Edited and down", "What nobody may read any more.");
    stage.shows(&page.view(), "What nobody may read any more.", 1)?;
    stage.hits([page.view()])?;
    stage.edit(&page, "What is to be read.")?;
    let over = Outage(stage.wiki);
    stage.wiki.stop();
    let answer = stage.reader().ask(&page.view());
    ensure((502..=504).contains(&answer.status), || format!("{}: {}", page.view(), answer.head))?;
    drop(over);
    recovers(stage, &page, Clock::system().now(), "What is to be read.")
}

/// Whether the edge soon has the page again from a wiki that came back at `since`, and stores it.
fn recovers(stage: &Stage<'_>, page: &Page, since: Instant, text: &str) -> Verdict {
    let view = page.view();
    until("the edge has asked again, and stored that", SOON, || {
        let (answer, seen) = stage.wiki.asked(|| stage.reader().ask(&view));
        let is_new = age(&answer) <= (Clock::system().now() - since).as_secs();
        answer.status == 200 && is_new && seen.is_empty()
    });
    stage.shows(&view, text, 0).map(drop)
}
