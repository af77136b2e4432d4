//! What is counted, timed and logged.

pub mod account;

pub use account::Account;
