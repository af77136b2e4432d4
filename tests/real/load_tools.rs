//! wrk and h2load, as everybody measures servers: no request of theirs fails.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::corpus::Corpus;
use super::edge::{Edge, HOST};
use super::nginx::Nginx;
use super::process::{Scratch, output};
use super::wait::{SOON, alone, setting};

#[test]
#[ignore = "needs nginx, wrk, h2load, curl from Debian: tests/real/install"]
fn wrk_and_h2load_see_no_failed_request() {
    let _alone = alone();
    let seconds = setting("TIDEGATE_REAL_LOAD_SECONDS", 3);
    let nginx = Nginx::start("");
    let corpus = Corpus::write(&nginx.pages(), 200);
    let edge = Edge::start(nginx.address(), "64MiB");
    let paths: Vec<String> = corpus.ids().map(|id| corpus.path(id)).collect();
    let folder = Scratch::new("many");
    let (plain, tls) = (edge.plain.port(), edge.tls.port());

    let many = many(folder.path(), &paths);
    for (name, base) in
        [("h1", format!("http://{}", edge.plain)), ("h1+tls", format!("https://{}", edge.tls))]
    {
        let url = format!("{base}{}", paths[0]);
        let one_page = wrk(seconds, &[], &url);
        let all_pages = wrk(seconds, &["-s", &many], &url);
        println!("wrk, {name}: {one_page} req/s of one page, {all_pages} req/s of all pages");
    }

    let all = urls(folder.path(), tls, &paths);
    for (name, scheme, port, options) in [
        ("h1", "http", plain, "--h1"),
        ("h1+tls", "https", tls, "--h1"),
        ("h2", "https", tls, "-m16"),
    ] {
        let url = format!("{scheme}://{HOST}:{port}{}", paths[0]);
        let rate = h2load(port, &[options, &format!("-D{seconds}"), &url], seconds);
        println!("h2load, {name}: {rate} req/s of one page");
    }
    let rate = h2load(tls, &["-m16", &format!("-n{}", seconds * 3000), "-i", &all], 10 * seconds);
    println!("h2load, h2: {rate} req/s of all pages");
    edge.stop();
}

/// Runs wrk; the rate that it saw.
fn wrk(seconds: u64, more: &[&str], url: &str) -> u64 {
    let mut wrk = Command::new("wrk");
    wrk.args(["-t1", "-c64", &format!("-d{seconds}s"), "-H", &format!("Host: {HOST}")]);
    wrk.args(more).arg(url);
    let (status, said) = output("wrk", &mut wrk, SOON + Duration::from_secs(seconds));
    // It says nothing of errors where there are none.
    let failed = ["Non-2xx", "Socket errors", "unable to"].iter().any(|bad| said.contains(bad));
    let rate = number_after(&said, "Requests/sec:");
    assert!(status.success() && !failed && rate > 0, "{wrk:?}: {status}\n{said}");
    rate
}

/// Runs h2load against our own `port`; the rate that it saw.
fn h2load(port: u16, more: &[&str], seconds: u64) -> u64 {
    let mut h2load = Command::new("h2load");
    h2load.args(["-t1", "-c32", &format!("--connect-to=127.0.0.1:{port}")]).args(more);
    let (status, said) = output("h2load", &mut h2load, SOON + Duration::from_secs(seconds));
    let requests = said.lines().find(|line| line.starts_with("requests: ")).unwrap_or_default();
    let codes = said.lines().find(|line| line.starts_with("status codes: ")).unwrap_or_default();
    let failed = !requests.contains(" 0 failed, 0 errored, 0 timeout")
        || !codes.contains(" 0 3xx, 0 4xx, 0 5xx")
        || codes.contains(" 0 2xx");
    assert!(status.success() && !failed, "{h2load:?}: {status}\n{said}");
    let finished = said.lines().find(|line| line.starts_with("finished in ")).unwrap_or_default();
    number_after(finished, "s, ")
}

/// The whole part of the number that follows the first `word`.
fn number_after(text: &str, word: &str) -> u64 {
    let rest = text.split_once(word).map_or("", |(_, rest)| rest.trim_start());
    rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or("").parse().unwrap_or(0)
}

/// A script for wrk that asks for one of `paths` after the other.
fn many(folder: &Path, paths: &[String]) -> String {
    let list = paths.iter().map(|path| format!("{path:?}, ")).collect::<String>();
    let script = format!(
        "local paths = {{ {list} }}\n\
         local next = 0\n\
         request = function()\n\
         next = next % #paths + 1\n\
         return wrk.format('GET', paths[next])\n\
         end\n"
    );
    let file = folder.join("many.lua");
    fs::write(&file, script).expect("the folder is ours");
    file.display().to_string()
}

/// A list for h2load of `paths`.
fn urls(folder: &Path, port: u16, paths: &[String]) -> String {
    let list = paths.iter().map(|path| format!("https://{HOST}:{port}{path}\n"));
    let file = folder.join("urls");
    fs::write(&file, list.collect::<String>()).expect("the folder is ours");
    file.display().to_string()
}
