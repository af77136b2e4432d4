//! The smuggling corpus: thousands of requests that somebody might frame in two ways, over HTTP/1
//! and HTTP/2, in front of an origin that records every byte. Whatever comes in, never more
//! requests go out, every one that does is written by us in one canonical way, and the honest
//! request behind each gets its own answer, then and later.

mod chunks;
mod codings;
mod corpus;
mod heads;
mod hops;
mod http2;
mod lengths;
mod pseudo;
mod recorder;
mod run;
mod streams;
mod targets;

use corpus::{Corpus, Mutation};
use recorder::Recorder;
use run::Honest;

/// Plays a family over HTTP/1.
#[track_caller]
fn play_http1(corpus: &[Mutation]) {
    let origin = Recorder::start();
    let proxy = run::proxy(&origin).start();
    let address = proxy.http();
    let report = run::all(
        &proxy,
        corpus,
        || Honest::new(address),
        |honest, mutation| run::http1(address, honest, mutation, &origin),
    );
    report.print(corpus.len());
    report.judge(corpus, &origin);
}

/// Plays a family over HTTP/2.
#[track_caller]
fn play_http2(corpus: &[Mutation]) {
    let origin = Recorder::start();
    let proxy = run::proxy(&origin).tls().start();
    let (plain, tls) = (proxy.http(), proxy.https());
    let state = || (Honest::new(plain), None);
    let report = run::all(&proxy, corpus, state, |(honest, connection), mutation| {
        run::http2(tls, connection, honest, mutation, &origin)
    });
    report.print(corpus.len());
    report.judge(corpus, &origin);
}

fn corpus(families: &[fn(&mut Corpus)]) -> Vec<Mutation> {
    let mut corpus = Corpus::default();
    families.iter().for_each(|add| add(&mut corpus));
    corpus.all()
}

#[test]
fn the_corpus_is_as_large_as_it_should_be() {
    let http1: [fn(&mut Corpus); 6] =
        [lengths::add, codings::add, chunks::add, heads::add, targets::add, hops::add];
    let (http1, http2) = (corpus(&http1).len(), corpus(&[http2::add, pseudo::add]).len());
    assert!(http1 > 6000 && http2 > 2000, "{http1} over HTTP/1, {http2} over HTTP/2");
}

#[test]
fn a_length_frames_one_request() {
    play_http1(&corpus(&[lengths::add]));
}

#[test]
fn a_coding_frames_one_request() {
    play_http1(&corpus(&[codings::add]));
}

#[test]
fn chunks_frame_one_request() {
    play_http1(&corpus(&[chunks::add]));
}

#[test]
fn a_head_is_one_request() {
    play_http1(&corpus(&[heads::add, targets::add]));
}

#[test]
fn what_concerns_one_connection_hides_no_request() {
    play_http1(&corpus(&[hops::add]));
}

#[test]
fn http2_fields_forge_no_request() {
    play_http2(&corpus(&[http2::add, pseudo::add]));
}
