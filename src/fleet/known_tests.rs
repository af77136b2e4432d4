//! What a node goes by when etcd forgets, returns to its past, or is another one.

use super::*;
use crate::config::Pooled;

fn state(entries: &[(&str, &str)]) -> State {
    let mut state = State::default();
    for (name, pooled) in entries {
        state.set(&State::datacenter(name), Some(entry(pooled)));
    }
    state
}

fn entry(pooled: &str) -> Entry {
    Entry { pooled: Pooled::of(pooled).unwrap(), weight: None }
}

fn snapshot(revision: i64, entries: &[(&str, &str)]) -> Snapshot {
    Snapshot { cluster: "7".into(), revision, state: state(entries), ..Snapshot::default() }
}

fn change(revision: i64, name: &str, pooled: Option<&str>) -> Changes {
    let entries = vec![(State::datacenter(name), pooled.map(entry))];
    Changes { revision, entries }
}

fn known() -> Known {
    let mut known = Known::default();
    known.take(snapshot(10, &[("a", "yes"), ("b", "no")]));
    assert_eq!(known.doubt(), None);
    known
}

#[test]
fn what_goes_on_where_it_was_is_believed() {
    let mut known = known();
    known.change(change(11, "a", Some("no")));
    assert_eq!(known.state(), &state(&[("a", "no"), ("b", "no")]));
    known.take(snapshot(15, &[("a", "yes")]));
    assert_eq!(
        (known.state(), known.revision(), known.doubt()),
        (&state(&[("a", "yes")]), 15, None)
    );
    known.change(change(16, "a", None));
    assert!(known.state().is_empty(), "the last one may go alone");
}

#[test]
fn an_old_backup_is_not_believed_but_what_is_written_after_it_is() {
    let mut known = known();
    known.take(snapshot(4, &[("a", "no"), ("b", "yes")]));
    assert!(known.doubt().unwrap().contains("backup"));
    assert_eq!(known.state(), &state(&[("a", "yes"), ("b", "no")]));
    known.change(change(5, "c", Some("no")));
    assert_eq!(known.state(), &state(&[("a", "yes"), ("b", "no"), ("c", "no")]));
    // While it was not connected, somebody has written.
    known.take(snapshot(7, &[("a", "no"), ("b", "inactive"), ("c", "no")]));
    assert_eq!(known.state(), &state(&[("a", "yes"), ("b", "inactive"), ("c", "no")]));
    assert!(known.doubt().is_some());
    known.take(snapshot(8, &[("a", "yes"), ("b", "inactive"), ("c", "no")]));
    assert_eq!((known.doubt(), known.revision()), (None, 8), "it says what is known");
}

#[test]
fn an_etcd_that_was_emptied_takes_nothing_away() {
    let mut known = known();
    known.take(snapshot(20, &[]));
    assert!(known.doubt().unwrap().contains("all 2 entries are gone"));
    // Somebody writes, and the connection breaks: that is no reason to forget the rest.
    known.change(change(21, "a", Some("no")));
    known.take(snapshot(21, &[("a", "no")]));
    assert_eq!(known.state(), &state(&[("a", "no"), ("b", "no")]));
    assert!(known.doubt().is_some());
    known.believe();
    assert_eq!((known.state(), known.doubt()), (&state(&[("a", "no")]), None), "a reload says so");

    let mut known = self::known();
    let entries = ["a", "b"].map(|name| (State::datacenter(name), None)).into();
    known.change(Changes { revision: 11, entries });
    assert!(known.doubt().is_some());
    assert_eq!(known.state().len(), 2);
    known.change(change(12, "a", None));
    assert_eq!(known.state().len(), 2, "it is gone already");
    known.change(change(13, "a", Some("yes")));
    known.change(change(14, "b", Some("no")));
    assert_eq!(known.doubt(), None, "somebody has written again what was there");
}

#[test]
fn an_old_backup_is_known_by_its_entries_whatever_its_revision() {
    let mut known = Known::default();
    let at = |revision, written: i64, pooled| Snapshot {
        written: [(State::datacenter("a"), written)].into(),
        ..snapshot(revision, &[("a", pooled)])
    };
    known.take(at(100, 100, "no"));
    known.take(at(110, 90, "yes"));
    assert!(known.doubt().unwrap().contains("older"));
    assert_eq!(known.state(), &state(&[("a", "no")]));
    // Others write elsewhere, and it is read anew: still old.
    known.take(at(500, 90, "yes"));
    assert_eq!(known.state(), &state(&[("a", "no")]));

    let mut known = Known::default();
    known.take(at(100, 100, "no"));
    known.see(1000);
    known.take(Snapshot { written: BTreeMap::new(), ..snapshot(900, &[]) });
    assert!(known.doubt().is_some(), "others had come to 1000");
}

#[test]
fn what_is_watched_is_no_old_backup_where_a_ping_was_faster() {
    let mut known = known();
    known.see(13);
    known.change(change(11, "a", Some("no")));
    assert_eq!((known.doubt(), known.state()), (None, &state(&[("a", "no"), ("b", "no")])));
    known.take(snapshot(12, &[]));
    assert!(known.doubt().unwrap().contains("was 13"));
}

#[test]
fn what_cannot_be_read_is_left_as_it_was() {
    let mut known = known();
    let unreadable = vec![State::datacenter("b")];
    known.take(Snapshot { unreadable, ..snapshot(11, &[("a", "yes")]) });
    assert_eq!(known.state(), &state(&[("a", "yes"), ("b", "no")]));
}

#[test]
fn an_old_backup_that_is_emptied_takes_nothing_away_either() {
    let mut known = known();
    known.take(snapshot(4, &[("a", "no"), ("b", "yes")]));
    let entries = ["a", "b"].map(|name| (State::datacenter(name), None)).into();
    known.change(Changes { revision: 5, entries });
    assert!(known.doubt().unwrap().contains("gone"));
    assert_eq!(known.state(), &state(&[("a", "yes"), ("b", "no")]));
}

#[test]
fn another_cluster_is_not_believed() {
    let mut known = known();
    known.take(Snapshot { cluster: "8".into(), ..snapshot(99, &[("b", "yes")]) });
    assert!(known.doubt().unwrap().contains("another cluster"));
    assert_eq!(known.state().len(), 2);
}

#[test]
fn it_outlives_the_process_and_half_a_file_is_an_error() {
    let path = std::env::temp_dir().join(format!("tidegate-known-{}", std::process::id()));
    assert_eq!(Known::read(&path), Ok(None));
    known().write(&path).unwrap();
    assert_eq!(Known::read(&path), Ok(Some(known())));
    // A restart is no reason to believe again.
    let mut doubting = known();
    doubting.take(snapshot(20, &[]));
    doubting.write(&path).unwrap();
    let mut again = Known::read(&path).unwrap().unwrap();
    assert_eq!(again, doubting);
    again.take(snapshot(21, &[("a", "no")]));
    assert_eq!(again.state(), &state(&[("a", "no"), ("b", "no")]));
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert!(Known::read(&path).unwrap_err().contains("tidegate-known"));
    std::fs::remove_file(&path).unwrap();
}
