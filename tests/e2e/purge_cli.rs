//! `tidegate purge`, as people and scripts run it: what it does to a proxy, what it says, how it ends.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::kit::{Origin, Page, Proxy, cache_status};

/// What a run said, and its exit code.
struct Run {
    out: String,
    err: String,
    code: Option<i32>,
}

/// Runs `tidegate purge` with `arguments`, fed with `input`.
#[track_caller]
fn run(arguments: &[&str], input: &str) -> Run {
    run_with(arguments, input, None)
}

#[track_caller]
fn run_with(arguments: &[&str], input: &str, token: Option<&str>) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.arg("purge").args(arguments).env_remove("TIDEGATE_TOKEN");
    command.envs(token.map(|token| ("TIDEGATE_TOKEN", token)));
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().expect("the program is built");
    // A program that does not read its input closes it.
    let _ = child.stdin.take().expect("it is piped").write_all(input.as_bytes());
    let done = child.wait_with_output().expect("it ends");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it says text");
    Run { out: text(done.stdout), err: text(done.stderr), code: done.status.code() }
}

fn detail(proxy: &Proxy, path: &str) -> Option<String> {
    cache_status(&proxy.http1().get(path).expect(200)).detail
}

fn origin() -> Origin {
    let origin = Origin::start();
    for path in ["/a/1", "/a/2", "/b"] {
        let said = "max-age=60, stale-while-revalidate=600";
        origin.page(path, Page::new("x").header("cache-control", said).header("xkey", "t"));
    }
    origin
}

#[test]
fn pages_of_the_command_line_and_of_a_list_go_by_purge() {
    let origin = origin();
    let proxy = Proxy::new(&origin).start();
    let via = proxy.http().to_string();
    ["/a/1", "/a/2", "/b"].iter().for_each(|path| _ = detail(&proxy, path));
    let list = "# a list\nhttp://wiki.test/a/2\n\nno URL\n";
    let done = run(&["http://wiki.test/a/1", "--from-file", "-", "--via", &via], list);
    assert_eq!(done.out, "204 http://wiki.test/a/1\n204 http://wiki.test/a/2\n");
    assert!(
        done.err.contains("line 4: not") && done.err.contains("2 done, 1 failed"),
        "{}",
        done.err
    );
    assert_eq!(done.code, Some(1));
    for (path, expected) in [("/a/1", "absent"), ("/a/2", "absent"), ("/b", "fresh")] {
        assert_eq!(detail(&proxy, path).as_deref(), Some(expected), "{path}");
    }
    let soft = run(&["http://wiki.test/b", "--soft", "--via", &via], "");
    assert_eq!((soft.code, detail(&proxy, "/b").as_deref()), (Some(0), Some("soft-purged")));
}

#[test]
fn what_is_no_page_goes_to_the_admin_listener() {
    let origin = origin();
    let proxy = Proxy::new(&origin).start();
    let admin = proxy.admin().to_string();
    ["/a/1", "/a/2", "/b"].iter().for_each(|path| _ = detail(&proxy, path));
    let dry = run(&["--prefix", "http://wiki.test/a/", "--dry-run", "--admin", &admin], "");
    assert_eq!(dry.out, "soft, dry, 2 entries: prefix http://wiki.test/a/\n");
    assert_eq!((dry.code, proxy.status()["purge_seq"].clone()), (Some(0), json!(0)));
    let hard = run(&["--prefix", "http://wiki.test/a", "--hard", "--admin", &admin], "");
    assert_eq!(hard.out, "hard at 1: prefix http://wiki.test/a\n");
    for (path, expected) in [("/a/1", "absent"), ("/a/2", "absent"), ("/b", "fresh")] {
        assert_eq!(detail(&proxy, path).as_deref(), Some(expected), "{path}");
    }
    let wrong = run(&["--tag", "t", "--site", "nowhere", "--admin", &admin], "");
    assert!(wrong.out.contains("there is no site `nowhere`"), "{}", wrong.out);
    assert_eq!(wrong.code, Some(1));
    let tag = run(&["--tag", "t", "--tag", "u", "--site", "wiki", "--admin", &admin], "");
    assert_eq!(tag.out, "soft at 2: tag t\nsoft at 3: tag u\n");
    assert_eq!(detail(&proxy, "/b").as_deref(), Some("soft-purged"));
}

#[test]
fn a_long_list_is_sent_in_parts() {
    let origin = Origin::start();
    let proxy = Proxy::new(&origin).start();
    let list: String = (0..1_201).map(|n| format!("http://wiki.test/{n}\n")).collect();
    let done = run(&["--from-file", "-", "--admin", &proxy.admin().to_string()], &list);
    assert_eq!((done.code, done.out.lines().count()), (Some(0), 1_201), "{}", done.err);
    assert!(done.err.contains("1201 done, 0 failed"), "{}", done.err);
    assert_eq!(proxy.status()["purge_seq"], json!(1_201));
    proxy.wait_for_metric("tidegate_purge_api_requests_total{result=\"done\"}", 3.0);
}

#[test]
fn a_token_is_shown_and_what_is_refused_is_told() {
    let origin = Origin::start();
    let token = "[[admin.token]]\nname = 'people'\nsecret_file = 'token'\n";
    let secret = "a-secret-of-people";
    let proxy = Proxy::new(&origin).file("token", secret).config(token).start();
    let admin = proxy.admin().to_string();
    let order = ["--everything", "--admin", &admin];
    let refused = run(&order, "");
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("401: send `Authorization"), "{}", refused.err);
    let done = run_with(&order, "", Some(secret));
    assert_eq!((done.code, done.out.as_str()), (Some(0), "soft at 1: everything\n"));
    let none = run(&["--everything", "--admin", &admin, "--token-file", "/nonexistent"], "");
    assert!(none.err.contains("/nonexistent"), "{}", none.err);
    assert_eq!(none.code, Some(1));
}

#[test]
fn what_is_over_a_tokens_rate_is_sent_again() {
    let origin = Origin::start();
    let token = "[[admin.token]]\nname = 'slow'\nsecret_file = 'token'\nrate = 20\nburst = 20\n";
    let secret = "a-secret-of-the-slow";
    let proxy = Proxy::new(&origin).file("token", secret).config(token).start();
    let admin = proxy.admin().to_string();
    let pages: Vec<String> = (0..50).map(|n| format!("http://wiki.test/{n}")).collect();
    let order = ["--from-file", "-", "--soft", "--admin", &admin];
    let done = run_with(&order, &pages.join("\n"), Some(secret));
    assert_eq!((done.code, done.out.lines().count()), (Some(0), 50), "{}", done.err);
    assert_eq!(proxy.status()["purge_seq"], json!(50), "each once");
}

#[test]
fn what_is_typed_wrong_purges_nothing() {
    for arguments in [&[][..], &["--soft"], &["--tag", "t"], &["http://w/", "/wiki/A"]] {
        assert_eq!(run(arguments, "").code, Some(2), "{arguments:?}");
    }
}
