//! How many bytes of answers the kernel takes from us before it may send them (`TCP_NOTSENT_LOWAT`), per
//! connection. Without a bound it takes up to 4 MiB (`net.ipv4.tcp_wmem`) of an answer that then looks as
//! if it had been taken: memory that nobody here counts, and time, for a client that may read nothing.
//! With little a page of a megabyte leaves in many small parts and takes thrice the time.
//!
//! So it begins with little, which `listen` sets, and grows when a client that was behind has taken what
//! there was: five hundred connections that ask for large pages and read nothing then cost the others
//! half of what they did.

use tokio::net::TcpStream;

/// What it grows to, in bytes, each time that the client has caught up.
const STEPS: [u32; 2] = [128 * 1024, 1024 * 1024];

/// How far a connection has come.
#[derive(Debug)]
pub(super) struct Advance {
    /// Steps that were made.
    made: usize,
    /// Steps that may be.
    most: usize,
}

impl Advance {
    /// Nothing but what the connection began with; of a client that has many, it will not be much more.
    pub(super) fn new(one_of_many: bool) -> Self {
        Self { made: 0, most: if one_of_many { 1 } else { STEPS.len() } }
    }

    /// The client has taken something that it had left waiting.
    pub(super) fn on_caught_up(&mut self, stream: &TcpStream) {
        if self.made == self.most {
            return;
        }
        #[cfg(target_os = "linux")]
        if let Err(error) = socket2::SockRef::from(stream).set_tcp_notsent_lowat(STEPS[self.made]) {
            tracing::debug!(%error, "the kernel takes as little in advance as before");
        }
        #[cfg(not(target_os = "linux"))]
        let _ = stream;
        self.made += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_kernel_takes_more_in_advance_of_whoever_has_caught_up() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let unsent = || socket2::SockRef::from(&stream).tcp_notsent_lowat().unwrap();
        for (one_of_many, steps) in [(true, [128, 128, 128]), (false, [128, 1024, 1024])] {
            let mut advance = Advance::new(one_of_many);
            for step in steps {
                advance.on_caught_up(&stream);
                assert_eq!(unsent(), step * 1024);
            }
        }
    }
}
