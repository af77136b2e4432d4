//! Replays what the fuzz targets have in their corpora: every input that ever mattered is asked
//! again by each `cargo test`.

#![allow(clippy::print_stdout, reason = "the input's name must stand above its panic")]

use std::path::Path;
use std::{fs, io};

use tidegate::fuzzing;

/// Hands every file of the corpus called `target` to `run`.
fn replay(target: &str, run: fn(&[u8])) -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut count = 0;
    for file in fs::read_dir(&folder)? {
        let path = file?.path();
        println!("{}", path.display());
        run(&fs::read(&path)?);
        count += 1;
    }
    assert!(count >= 10, "{}: only {count} inputs", folder.display());
    Ok(())
}

#[test]
fn every_configuration_is_taken_or_refused_with_a_word() -> io::Result<()> {
    replay("config", fuzzing::config)
}

#[test]
fn every_request_is_refused_or_has_a_key_that_a_purge_reaches() -> io::Result<()> {
    replay("key", fuzzing::key)
}

#[test]
fn every_request_is_refused_or_asked_of_the_origin_in_our_form() -> io::Result<()> {
    replay("request", fuzzing::request)
}

#[test]
fn what_cache_control_forbids_is_heard_however_it_is_written() -> io::Result<()> {
    replay("directives", fuzzing::directives)
}

#[test]
fn time_only_ages_what_is_stored_and_a_304_says_the_same_twice() -> io::Result<()> {
    replay("response", fuzzing::response)
}

#[test]
fn tags_dates_and_ranges_say_what_they_say() -> io::Result<()> {
    replay("conditions", fuzzing::conditions)
}

#[test]
fn two_requests_select_one_answer_or_not_whoever_came_first() -> io::Result<()> {
    replay("selection", fuzzing::selection)
}

#[test]
fn nobody_can_write_who_asks_but_a_trusted_proxy() -> io::Result<()> {
    replay("client", fuzzing::client)
}

#[test]
fn readers_without_a_session_are_one_and_a_session_is_seen_wherever_it_stands() -> io::Result<()> {
    replay("cookies", fuzzing::cookies)
}

#[test]
fn a_proxy_header_is_read_to_its_end_and_no_further_or_refused() -> io::Result<()> {
    replay("proxy_protocol", fuzzing::proxy_protocol)
}

#[test]
fn a_datagram_of_htcp_adds_up_to_its_last_byte_or_is_refused() -> io::Result<()> {
    replay("htcp", fuzzing::htcp)
}

#[test]
fn an_answer_of_a_broker_is_read_or_refused() -> io::Result<()> {
    replay("stream", fuzzing::stream)
}

#[test]
fn what_a_location_names_lies_within_the_origin() -> io::Result<()> {
    replay("location", fuzzing::location)
}

#[test]
fn every_target_means_the_same_in_its_one_spelling() -> io::Result<()> {
    replay("spelling", fuzzing::spelling)
}

#[test]
fn a_client_says_the_same_in_however_many_pieces_and_to_every_reader() -> io::Result<()> {
    replay("wire_request", fuzzing::wire_request)
}

#[test]
fn an_origin_says_the_same_in_however_many_pieces_and_to_every_reader() -> io::Result<()> {
    replay("wire_response", fuzzing::wire_response)
}
