//! What is stored owns its bytes.

use super::*;

#[test]
fn stored_fields_share_one_piece_of_memory_and_keep_their_order() {
    let mut fields = HeaderMap::new();
    for (name, value) in [("a", "1"), ("link", "x"), ("link", "y"), ("empty", "")] {
        fields.append(name, HeaderValue::from_static(value));
    }
    let owned = owned_fields(&fields);
    assert_eq!(owned, fields);
    let links: Vec<_> = owned.get_all("link").iter().collect();
    assert_eq!(links, ["x", "y"]);
}

#[test]
fn a_stored_body_is_cut_into_segments_of_its_own() {
    let piece = Bytes::from(vec![7u8; 700 * 1024]);
    let pieces = [piece.clone(), Bytes::new(), piece.clone(), piece];
    let body = owned_body(pieces.iter(), 2100 * 1024);
    let sizes: Vec<_> = body.iter().map(Bytes::len).collect();
    assert_eq!(sizes, [SEGMENT, SEGMENT, 2100 * 1024 - 2 * SEGMENT]);
    assert!(body.concat().iter().all(|byte| *byte == 7));
    assert!(owned_body(std::iter::empty(), 0).is_empty());
}
