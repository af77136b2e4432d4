//! What curl got: the last head and the body of a request, as files of curl's tell them.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::process::{Scratch, output};
use super::wait::SOON;

/// An answer.
pub struct Answer {
    /// `HTTP/1.1` or `HTTP/2`.
    pub version: String,
    /// The status.
    pub status: u16,
    /// The whole head.
    pub head: String,
    /// The body, without the coding that curl was told to undo.
    pub body: Vec<u8>,
}

/// A curl without any configuration of the user's or proxy of the environment's, which believes
/// every certificate.
pub fn curl() -> Command {
    let mut curl = Command::new("curl");
    curl.args(["-q", "-sS", "-k", "--noproxy", "*", "--max-time", "20"]);
    curl
}

impl Answer {
    /// Runs `curl`, which asks for one thing.
    pub fn of(curl: &mut Command) -> Self {
        let folder = Scratch::new("curl");
        let (head, body) = (folder.path().join("head"), folder.path().join("body"));
        let has_body = curl.get_args().all(|argument| argument != "-I");
        curl.arg("-D").arg(&head).arg("-o").arg(&body);
        let (status, said) = output("curl", curl, SOON * 2);
        assert!(status.success(), "{curl:?}: {status}\n{said}");
        Self::read(&head, &body, has_body)
    }

    fn read(head: &Path, body: &Path, has_body: bool) -> Self {
        let heads = fs::read_to_string(head).expect("curl wrote it");
        let head = heads.trim_end().rsplit("\r\n\r\n").next().unwrap_or_default().to_owned();
        let mut words = head.split_whitespace();
        let version = words.next().unwrap_or_default().to_owned();
        let status = words.next().unwrap_or_default().parse().expect("a status");
        // For a HEAD curl writes the head there, and nothing where there is no body.
        let body = if has_body { fs::read(body).unwrap_or_default() } else { Vec::new() };
        Self { version, status, head, body }
    }

    /// The first field of that name.
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// What the edge says that became of the request.
    pub fn cache_status(&self) -> &str {
        self.field("cache-status").unwrap_or("no Cache-Status")
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}
