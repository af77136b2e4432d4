//! Bad and good inputs for each check of `tidy.rs`: a check that cannot fail checks nothing.

use super::{head_paragraph, layers, names, size, unwraps};

/// Asserts that `rule` complains of `text` at `path`, once, in `line`.
fn complains(rule: fn(&str, &str) -> Vec<String>, path: &str, line: usize, text: &str) {
    let complaints = rule(path, text);
    let place = format!("{path}:{line}: ");
    assert_eq!(complaints.len(), 1, "{text:?}: {complaints:?}");
    assert!(complaints[0].starts_with(&place), "{text:?}: {complaints:?}");
}

fn passes(rule: fn(&str, &str) -> Vec<String>, path: &str, text: &str) {
    assert_eq!(rule(path, text), Vec::<String>::new(), "{text:?}");
}

#[test]
fn a_file_without_a_sentence_is_seen() {
    for text in ["", "use x;\n//! A sentence of some length.\n", "//! Counts\n", "//! Nothing.\n"] {
        complains(head_paragraph, "src/x/y.rs", 1, text);
    }
    // A title is not a paragraph: the sentence must come first.
    complains(head_paragraph, "src/x/y.rs", 1, "//! # Title\n//!\n//! Then some sentence.\n");
    passes(head_paragraph, "src/x/y.rs", "//! What is counted,\n//! and where. More\n");
}

#[test]
fn a_long_file_is_seen() {
    passes(size, "tests/a.rs", &"\n".repeat(400));
    complains(size, "tests/a.rs", 401, &"\n".repeat(401));
}

#[test]
fn an_import_from_above_is_seen_however_it_is_written() {
    for text in [
        "use crate::flow::Step;",
        "use crate::{base::Clock, flow};",
        "use crate::{base, flow::{self, Step}};",
        "fn f() -> crate::flow::Step { }",
        "pub use ::tidegate::flow::Step as Other;",
        "#[cfg(test)] mod tests { use crate::flow; }",
        "use crate::front;",     // The same layer.
        "use crate::*;",         // Whatever that is.
        "use crate::elsewhere;", // A room without a layer.
        "use super::super::flow;",
        "const A: &str = r#\"\"#; use crate::flow;",
        "const A: char = '\\''; use crate::flow;",
        "fn f<'a>(a: &'a u8) -> crate::flow::Step<'a> { }",
    ] {
        complains(layers, "src/store/index.rs", 2, &format!("//! Head.\n{text}\n"));
    }
    complains(layers, "src/store/mod.rs", 1, "use super::flow;");
    complains(layers, "src/server.rs", 1, "use super::cli;");
    complains(layers, "src/attic/mod.rs", 1, "use std::fmt;");
    complains(layers, "src/config/mod.rs", 1, "use crate::net::Dial;");
    complains(layers, "src/geo/mod.rs", 1, "use crate::config;");
}

#[test]
fn imports_from_below_and_words_in_passing_are_not() {
    for text in [
        "use crate::{base::{Clock, Names}, telemetry::Meter};",
        "use crate::store::floors;",
        "use super::floors;",
        "mod tests { use super::super::floors; }",
        "// use crate::flow;",
        "/* use /* crate::flow; */ crate::flow */",
        "const A: &str = \"crate::flow \\\" crate::flow\";",
        "const A: &str = r#\"crate::flow \" crate::flow\"#;",
        "pub(crate) fn flow() { }",
        "fn f() -> impl Fn() + use<'_> { }",
    ] {
        passes(layers, "src/store/index.rs", text);
    }
    passes(layers, "src/store/mod.rs", "mod tests { use super::flow; }");
    passes(layers, "src/config/mod.rs", "use crate::geo::PrefixSet;");
    passes(layers, "src/server.rs", "use crate::admin::Admin;");
    passes(layers, "src/main.rs", "use tidegate::cli;");
}

#[test]
fn a_crate_or_a_clock_out_of_its_place_is_seen() {
    for text in [
        "use hyper::server::conn::http1;",
        "use hyper::{body::Incoming, server};",
        "use hyper::client::conn;",
        "type A = rustls::ServerConfig;",
        "use tokio_rustls::TlsAcceptor;",
        "use ::hickory_resolver::Resolver;",
        "use tokio::{net, time::sleep};",
        "fn f() { std::time::Instant::now(); }",
        "fn f() { Instant::now(); }",
        "fn f() { SystemTime::now(); }",
    ] {
        complains(names, "src/flow/mod.rs", 2, &format!("\n{text}"));
    }
    complains(names, "src/net/dial.rs", 1, "use hyper::server::conn;");
}

#[test]
fn a_crate_or_a_clock_in_its_place_is_not() {
    passes(names, "src/front/h1.rs", "use hyper::server::conn; use rustls::ServerConfig;");
    passes(names, "src/net/errand.rs", "use hyper::client::conn;");
    passes(names, "src/base/clock.rs", "fn f() { Instant::now(); tokio::time::sleep(d); }");
    passes(
        names,
        "src/flow/mod.rs",
        "// Instant::now()\nfn f() { clock.now(); self.rustls.get(); }",
    );
}

#[test]
fn an_unwrap_outside_tests_is_seen() {
    let tests = "#[cfg(test)]\nmod tests {\n fn f() { { } a.unwrap() }\n}\n";
    complains(unwraps, "src/a/b.rs", 2, "fn f() {\n a.unwrap()\n}");
    complains(unwraps, "src/a/b.rs", 1, "fn f() { a.map(Option::unwrap) }");
    complains(unwraps, "src/a/b.rs", 5, &format!("{tests}fn f() {{ a.unwrap() }}"));
    complains(unwraps, "src/a/b.rs", 1, "#[cfg(test)] mod tests; fn f() { a.unwrap() }");
    passes(unwraps, "src/a/b.rs", tests);
    passes(unwraps, "src/a/b.rs", "fn f() { a.unwrap_or_default() } // unwrap");
    passes(unwraps, "src/a/b_tests.rs", "fn f() { a.unwrap() }");
}
