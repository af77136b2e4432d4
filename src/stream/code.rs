//! Error codes (Kafka protocol guide, "Error Codes"): those that are acted upon, and words for the usual ones.

/// An error code; 0 is none.
pub type Code = i16;

/// The offset is below the log's start or above its end.
pub const OFFSET_OUT_OF_RANGE: Code = 1;
/// There is no such topic, or not yet.
pub const UNKNOWN_TOPIC: Code = 3;
/// Another broker leads the partition.
pub const NOT_LEADER: Code = 6;

/// What is usual to say of an error.
pub const fn words(code: Code) -> &'static str {
    match code {
        0 => "no error",
        OFFSET_OUT_OF_RANGE => "the offset is out of range",
        2 => "a message is corrupt",
        UNKNOWN_TOPIC => "there is no such topic",
        5 => "no broker leads the partition",
        NOT_LEADER => "another broker leads the partition",
        29 => "this client may not read the topic",
        31 => "this client may not ask the cluster",
        35 => "the version of the request is not supported",
        58 => "the client did not authenticate",
        74 | 76 => "the leader's epoch is another",
        100 => "no topic has this id",
        _ => "an error",
    }
}
