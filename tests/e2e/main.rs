//! The end-to-end tests: one binary, one kit, a file a topic.
