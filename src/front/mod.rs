//! HTTP/1.1 and HTTP/2 on the one side, requests and answers on the other.

pub mod handler;

pub use handler::{Answer, Handler, Reply, Request, Then};
