//! What is unpacked is what was packed.

use fastrand::Rng;

use super::*;

#[test]
fn every_name_has_one_number() {
    for (at, name) in NAMES.iter().enumerate() {
        assert_eq!(NAMES.iter().position(|known| known == name), Some(at), "{name}");
    }
}

#[test]
fn what_is_unpacked_is_what_was_packed() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = Rng::with_seed(seed);
    let lengths = [0, 1, 6, 127, 128, 300, 16_383, 16_384, 40_000];
    for _ in 0..300 {
        let mut fields = HeaderMap::new();
        for _ in 0..random.usize(..20) {
            let name = match random.u32(..3) {
                0 => format!("x-{}", "n".repeat(random.usize(1..200))).parse().unwrap(),
                _ => NAMES[random.usize(..NAMES.len())].clone(),
            };
            let length = lengths[random.usize(..lengths.len())];
            let letter = |_| *random.choice(b"abc \t\"\x80\xff".iter()).unwrap();
            let value: Vec<u8> = (0..length).map(letter).collect();
            fields.append(name, HeaderValue::from_bytes(&value).unwrap());
        }
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
