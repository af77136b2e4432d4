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
