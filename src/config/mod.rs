//! Configuration in two stages: what was written, and what is meant.
pub mod meaning;
pub use meaning::*;
