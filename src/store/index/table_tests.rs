//! Tags, places, and what readers find while a table grows.

use std::sync::atomic::AtomicBool;

use super::*;
use crate::base::KeyText;
use crate::store::index::tests::entry;

#[test]
fn tags_match_exactly_and_new_or_passed_does_not_matter() {
    let meta = 0xff_00_81_7f_01_80_02_01;
    let cells = |tag| Matches(matches(meta, tag)).collect::<Vec<_>>();
    assert_eq!(cells(1), [0, 3, 5]);
    assert_eq!(cells(0), [2, 6]);
    assert_eq!(cells(2), [1]);
    assert_eq!(cells(0x7f), [4]);
    assert!(cells(0x7e).is_empty());
    assert!(is_new(meta, 5) && !is_new(meta, 3));
    assert_eq!(passed(meta), 0xff);
}

/// The groups that a reader of `hash` looks at.
fn looked_at(groups: &Groups, hash: u64) -> usize {
    let group = |step| &groups.groups[(hash as usize + step) & (groups.groups.len() - 1)];
    1 + (0..groups.groups.len())
        .take_while(|step| passed(group(*step).meta.load(Relaxed)) > 0)
        .count()
}

#[test]
fn a_table_without_an_empty_cell_has_everything_and_empties_without_a_trace() {
    let groups = Groups::new(FIRST);
    let entries: Vec<_> = (0..FIRST * CELLS).map(|n| entry(&format!("/{n}"), 1)).collect();
    entries.iter().for_each(|entry| groups.put(Arc::clone(entry), false));
    for entry in &entries {
        let key = entry.key().as_ref();
        let standing = groups.find(key.hash(), |entry, _| entry.key().as_ref() == key);
        let place = standing.expect("it is there").place;
        assert!(Arc::ptr_eq(&groups.take(place).unwrap(), entry));
        assert!(groups.get(&key).is_none());
    }
    assert!(groups.groups.iter().all(|group| group.meta.load(Relaxed) == 0));
}

#[test]
fn more_than_fifty_neighbours_of_a_group_are_found_and_taken() {
    let (table, mut held) = (Table::default(), Held::default());
    let key = |n: u32| KeyText::new("w.test", &format!("/{n}"));
    // As if somebody knew the seed: all of one group until the table has 64.
    let same = |n: &u32| key(*n).key().hash() & 63 == 5;
    let entries: Vec<_> = (0..).filter(same).take(60).map(|n| entry(&format!("/{n}"), 1)).collect();
    entries.iter().for_each(|entry| table.put(&mut held, Arc::clone(entry), true));
    for entry in &entries {
        let standing = table.place(&entry.key().as_ref()).expect("it is there");
        assert!(Arc::ptr_eq(&standing.entry, entry) && standing.new);
        table.take(&mut held, standing.place);
    }
    assert!(table.0.load().groups.iter().all(|group| group.meta.load(Relaxed) == 0));
    assert_eq!(held.entries, 0);
}

#[test]
fn the_longest_look_ups_are_as_long_as_chance_makes_them() {
    let (table, mut held) = (Table::default(), Held::default());
    let entries: Vec<_> = (0..FIRST * 512 * FULL / 2).map(|n| entry(&format!("/{n}"), 1)).collect();
    entries.iter().for_each(|entry| table.put(&mut held, Arc::clone(entry), false));
    let groups = table.0.load();
    assert_eq!(groups.groups.len(), FIRST * 512, "it is about to grow");
    let looked: usize = entries.iter().map(|entry| looked_at(&groups, entry.key().hash())).sum();
    // With numbers drawn evenly it comes to 2.2.
    assert!(looked < entries.len() * 3, "{looked} for {}", entries.len());
}

#[test]
fn a_table_that_was_emptied_gives_its_memory_back_and_keeps_what_is_left() {
    let (table, mut held) = (Table::default(), Held::default());
    let entries: Vec<_> = (0..5000).map(|n| entry(&format!("/{n}"), 1)).collect();
    entries.iter().for_each(|entry| table.put(&mut held, Arc::clone(entry), false));
    for entry in &entries[100..] {
        let standing = table.place(&entry.key().as_ref()).expect("it is there");
        table.take(&mut held, standing.place);
    }
    for entry in &entries[..100] {
        (0..5).for_each(|_| _ = table.ask(&entry.key().as_ref()));
    }
    let counts = |table: &Table| entries[..100].iter().map(|e| table.count(e.key().hash())).sum();
    let before: u64 = counts(&table);
    table.shrink(&held);
    assert!(table.0.load().groups.len() <= 100);
    for entry in &entries[..100] {
        assert!(Arc::ptr_eq(&table.get(&entry.key().as_ref()).unwrap(), entry));
    }
    let after = counts(&table);
    assert!(before >= 450 && after * 2 > before, "counts of {before} became {after}");
}

#[test]
fn what_is_stored_is_found_at_every_moment_of_growing() {
    let (table, mut held) = (Table::default(), Held::default());
    let entries: Vec<_> = (0..20_000).map(|n| entry(&format!("/{n}"), 1)).collect();
    let (first, rest) = entries.split_at(40);
    first.iter().for_each(|entry| table.put(&mut held, Arc::clone(entry), false));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            while !done.load(Relaxed) {
                for entry in first {
                    let found = table.get(&entry.key().as_ref());
                    assert!(Arc::ptr_eq(&found.expect("it is stored"), entry));
                }
            }
        });
        for _ in 0..3 {
            rest.iter().for_each(|entry| table.put(&mut held, Arc::clone(entry), false));
            for entry in rest {
                let standing = table.place(&entry.key().as_ref()).expect("it is stored");
                table.take(&mut held, standing.place);
            }
            table.shrink(&held);
        }
        done.store(true, Relaxed);
        reader.join().unwrap();
    });
    assert_eq!(table.0.load().groups.len(), 32);
}
