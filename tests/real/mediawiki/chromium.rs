//! A crawl by a real browser: headless Chromium opens every page with its scripts, styles and
//! pictures, once over http and once, as somebody new, over https. The page that drives it is
//! `crawl.html`.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::process::{Process, Scratch};
use super::super::wait::until;
use super::crawl::{self, Found, Reasons};
use super::stage::{Stage, Verdict, ensure};
use super::wiki::Asked;

/// For one crawl.
const LIMIT: Duration = Duration::from_secs(120);

/// Opens every page in a browser, twice.
pub fn crawl(stage: &Stage<'_>, found: &Found) -> Verdict {
    let pages = found.iter().filter(|(address, answer)| crawl::is_followed(address, answer));
    let pages = pages.map(|((_, target), _)| target.as_str());
    // MediaWiki shows no special page in a frame.
    let pages: Vec<&str> = pages.filter(|target| !target.contains("Special:")).collect();
    stage.wiki.serve_crawl(&pages);
    let name = stage.front.name();
    let mut again = Vec::new();
    for (scheme, protocol) in [("http", "http/1.1"), ("https", "h2")] {
        let (report, seen) = stage.wiki.asked(|| browse(stage, scheme));
        ensure(report["wrong"] == json!([]), || format!("over {scheme}: {}", report["wrong"]))?;
        let protocols = &report["protocols"];
        ensure(*protocols == json!([protocol]), || format!("over {scheme}: {protocols}"))?;
        let (pages, loaded, asked) = (pages.len(), &report["loaded"], seen.len());
        println!(
            "{name}: Chromium opened {pages} pages over {scheme} with {loaded} scripts, styles and \
             pictures; the wikis were asked {asked} times"
        );
        again = seen;
    }
    again.retain(|one| !one.target.starts_with("/rig/"));
    judge(stage, &again)
}

/// Whether none of what was asked for a second time was to be shared; prints why not.
fn judge(stage: &Stage<'_>, again: &[Asked]) -> Verdict {
    let mut reasons = Reasons::default();
    let mut wrong = Vec::new();
    for one in again {
        let host = one.host.trim_end_matches(".wiki.test");
        let own = stage.past_the_edge().get(host, &one.target);
        if crawl::shared_lifetime(&own) >= crawl::SHORT {
            wrong.push(one.line.as_str());
        }
        reasons.add(&crawl::words(&own), host, &one.target);
    }
    reasons.print();
    ensure(wrong.is_empty(), || format!("asked for again: {}", wrong.join("; ")))
}

/// Runs a browser that nobody used before until it has crawled; its report.
fn browse(stage: &Stage<'_>, scheme: &str) -> Value {
    let folder = Scratch::new("chromium");
    let (plain, tls) = (stage.front.plain(), stage.front.tls());
    let hosts = format!("MAP *.wiki.test:80 {plain}, MAP *.wiki.test:443 {tls}, MAP * ~NOTFOUND");
    let mut chromium = Command::new("chromium");
    chromium.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
    ]);
    chromium.args([
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]);
    chromium.args(["--no-proxy-server", "--ignore-certificate-errors", "--disable-dev-shm-usage"]);
    // Plain http stays plain.
    chromium.arg("--disable-features=HttpsUpgrades,HttpsFirstBalancedModeAutoEnable");
    chromium.arg(format!("--host-resolver-rules={hosts}"));
    chromium.arg(format!("--user-data-dir={}", folder.path().display()));
    chromium.arg(format!("{scheme}://alpha.wiki.test/rig/crawl.html"));
    let mut chromium = Process::start("chromium", folder.path(), &mut chromium).with_children();
    let mut report = None;
    until("Chromium has crawled", LIMIT, || {
        assert!(chromium.runs(), "chromium ended:\n{}", chromium.last_words());
        report = stage.wiki.report();
        report.is_some()
    });
    let report = report.expect("the wait is over");
    serde_json::from_str(&report).unwrap_or_else(|error| panic!("{error}: {report}"))
}
