//! What is unpacked is what was packed.

use fastrand::Rng;

use super::unpacked::PLACES;
use super::*;

#[test]
fn every_name_has_one_number() {
    for (at, name) in NAMES.iter().enumerate() {
        assert_eq!(NAMES.iter().position(|known| known == name), Some(at), "{name}");
    }
}

fn random() -> Rng {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    Rng::with_seed(seed)
}

fn any_name(random: &mut Rng) -> HeaderName {
    match random.u32(..3) {
        0 => format!("x-{}", "n".repeat(random.usize(1..200))).parse().unwrap(),
        _ => NAMES[random.usize(..NAMES.len())].clone(),
    }
}

fn any_value(random: &mut Rng) -> HeaderValue {
    let lengths = [0, 1, 6, 127, 128, 300, 16_383, 16_384, 40_000];
    let length = lengths[random.usize(..lengths.len())];
    let letter = |_| *random.choice(b"abc \t\"\x80\xff".iter()).unwrap();
    let value: Vec<u8> = (0..length).map(letter).collect();
    HeaderValue::from_bytes(&value).unwrap()
}

fn any_fields(random: &mut Rng) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for _ in 0..random.usize(..20) {
        fields.append(any_name(random), any_value(random));
    }
    fields
}

#[test]
fn what_is_unpacked_is_what_was_packed() {
    let mut random = random();
    for _ in 0..300 {
        let fields = any_fields(&mut random);
        let packed = Fields::of(&fields);
        for packed in [packed.detached(), packed.clone()] {
            // Made, made and kept, copied.
            for unpacked in [packed.map(3), packed.map(3), packed.map(3)] {
                assert_eq!(unpacked, fields);
                assert!(unpacked.iter().eq(fields.iter()), "the order differs");
            }
            let texts = fields.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
            assert!(packed.texts().eq(texts), "the texts differ");
            assert_eq!(packed.is_dated(), fields.contains_key(header::DATE));
            assert_eq!(packed.stand(), !ANSWERED.iter().any(|name| fields.contains_key(name)));
        }
        let names = [header::ETAG, header::VARY];
        let mut some = HeaderMap::new();
        for name in &names {
            fields.get_all(name).iter().for_each(|value| _ = some.append(name, value.clone()));
        }
        assert_eq!(packed.only(&names), some);
    }
}

#[test]
fn what_clients_are_shown_keeps_what_the_origin_said_behind_it() {
    let mut random = random();
    for _ in 0..300 {
        let own = any_fields(&mut random);
        let mut shown = own.clone();
        let names: Vec<_> = own.keys().cloned().collect();
        for name in names {
            match random.u32(..4) {
                0 => _ = shown.remove(name),
                1 => _ = shown.insert(name, any_value(&mut random)),
                2 => _ = shown.append(name, any_value(&mut random)),
                _ => {}
            }
        }
        let packed = Fields::shown(&shown, &own);
        for packed in [packed.detached(), packed] {
            assert_eq!(packed.own(), own);
            assert_eq!(packed.map(0), shown);
            assert_eq!(packed.texts().count(), shown.len());
            assert_eq!((packed.are_own(), packed.is_empty()), (shown == own, shown.is_empty()));
            assert_eq!(packed.stand(), !ANSWERED.iter().any(|name| shown.contains_key(name)));
            assert_eq!(packed.tell_of_caches(), shown.contains_key(X_CACHE));
        }
    }
}

#[test]
fn what_is_shown_as_it_came_takes_nothing_more() {
    let own = any_fields(&mut random());
    assert_eq!(Fields::shown(&own, &own).size(), Fields::of(&own).size());
}

#[test]
fn a_usual_field_takes_two_bytes_beside_its_value() {
    let mut fields = HeaderMap::new();
    fields.insert(header::SERVER, HeaderValue::from_static("origin"));
    fields.insert(header::DATE, HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT"));
    assert_eq!(Fields::of(&fields).size(), 2 + 6 + 29 + 2 * 2);
}

#[test]
fn what_was_unpacked_for_one_is_not_given_to_another_in_its_place() {
    let fields = |n: usize| {
        let mut fields = HeaderMap::new();
        fields.insert(header::ETAG, HeaderValue::from(n));
        fields
    };
    // Many more than there are places, in memory that is used again and again.
    for n in 0..PLACES * 20 {
        let packed = Fields::of(&fields(1_000_000 + n));
        for _ in 0..3 {
            assert_eq!(packed.map(0), fields(1_000_000 + n));
        }
    }
}
