//! Cache poisoning and deception: whatever one client sends, the next one that asks for a page gets
//! the page, as if nobody had asked before. An origin repeats all of a request in answers that may be
//! stored; each trick carries a mark, and no other client may ever see it, nor an error that the trick
//! has provoked.
//!
//! A site of the profile `plain` hands fields on as they come, so an origin there has to name in Vary
//! what it looks at (RFC 9111 §4.1). The profiles of wikis take away the fields that origins are known
//! to obey without naming them.

mod deception;
mod errors;
mod fields;
mod reflector;
mod targets;

use crate::kit::response::cache_status;
use crate::kit::setup::Setup;
use crate::kit::{Client, Origin, Proxy};

pub use reflector::Manners;

/// The profiles, and what an origin must do for each.
const PROFILES: [(&str, Manners); 3] =
    [("plain", Manners::Varies), ("mediawiki", Manners::Forgets), ("upload", Manners::Forgets)];

/// A proxy in front of an origin that repeats everything.
pub struct Stage {
    /// The proxy, whose clock stands still.
    pub proxy: Proxy,
    /// The origin, which stops when it is dropped.
    _origin: Origin,
    /// Clients that never play a trick, one a protocol.
    readers: [Client; 2],
    name: String,
}

impl Stage {
    /// A site of `profile` in front of an origin with these manners.
    pub fn set(profile: &str, manners: Manners) -> Self {
        Self::with(profile, manners, |setup| setup)
    }

    /// The same, with more said of the site.
    pub fn with(profile: &str, manners: Manners, more: impl Fn(Setup) -> Setup) -> Self {
        let origin = reflector::start(manners);
        let setup = Proxy::new(&origin).tls().clock_by_hand();
        let setup = setup.site(&format!("profile = '{profile}'\n jitter = 0"));
        let (proxy, name) = (more(setup).start(), format!("{profile}, {manners:?}"));
        let readers = [proxy.http1(), proxy.http2()];
        Self { proxy, _origin: origin, readers, name }
    }

    /// Sends these bytes, a request of HTTP/1, and takes all that is answered, if anything is.
    pub fn attack(&self, head: &str) {
        let mut raw = self.proxy.raw();
        // The request behind it ends the connection, if the first one does not.
        raw.send_or_not([head, &request("/last", "Connection: close\r\n")].concat());
        raw.read_to_end();
    }

    /// Somebody else asks for `path`, by every protocol, and gets it without `mark`.
    #[track_caller]
    pub fn expect_clean(&self, path: &str, mark: &str, trick: &str) {
        for client in &self.readers {
            let answer = client.get(path);
            let shown = |text: &str| text.contains(mark);
            let fields = answer.headers.iter().map(|(name, value)| format!("{name}: {value:?}"));
            assert!(
                answer.status == 200 && answer.complete && !shown(&answer.text()),
                "{}: after {trick:?}, {path} is {answer:?}",
                self.name
            );
            for field in fields {
                assert!(!shown(&field), "{}: after {trick:?}, {path} has {field}", self.name);
            }
        }
    }

    /// Makes sure that `path` is stored, without which a trick would prove nothing.
    #[track_caller]
    pub fn expect_stored(&self, path: &str) {
        let answer = self.readers[0].get(path).expect(200);
        assert!(cache_status(&answer).hit, "{}: {path} is not stored: {answer:?}", self.name);
    }
}

/// A GET for `target` of `wiki.test` with these lines of fields.
pub fn request(target: &str, lines: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: wiki.test\r\n{lines}\r\n")
}
