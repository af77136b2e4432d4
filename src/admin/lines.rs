//! A request's body as lines, however it is cut into pieces. A line is bounded; what is longer is passed
//! over and told of.

use std::pin::Pin;

use bytes::{Buf, Bytes, BytesMut};
use http_body::Body as _;

use crate::base::{Body, Fault};

/// The longest line, in bytes.
pub(super) const LONGEST: usize = 16 * 1024;

/// A body that is read line by line.
pub(super) struct Lines {
    body: Body,
    read: BytesMut,
    /// Whether what comes belongs to a line that is too long.
    passing: bool,
    ended: bool,
}

/// A line, without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// As it was sent.
    Text(Bytes),
    /// It was longer than [`LONGEST`].
    TooLong,
}

impl Lines {
    pub(super) fn new(body: Body) -> Self {
        Self { body, read: BytesMut::new(), passing: false, ended: false }
    }

    /// A line that is there already, if there is one.
    pub(super) fn ready(&mut self) -> Option<Line> {
        loop {
            let end = self.read.iter().position(|byte| *byte == b'\n');
            let Some(end) = end else {
                if self.ended {
                    return self.last();
                }
                if self.read.len() > LONGEST {
                    self.read.clear();
                    if !std::mem::replace(&mut self.passing, true) {
                        return Some(Line::TooLong);
                    }
                }
                return None;
            };
            let line = self.read.split_to(end).freeze();
            self.read.advance(1);
            if std::mem::take(&mut self.passing) {
                continue;
            }
            if line.len() > LONGEST {
                return Some(Line::TooLong);
            }
            if !line.trim_ascii().is_empty() {
                return Some(Line::Text(line));
            }
        }
    }

    /// What stands after the last line's end.
    fn last(&mut self) -> Option<Line> {
        let line = self.read.split().freeze();
        let passing = std::mem::take(&mut self.passing);
        if passing || line.trim_ascii().is_empty() {
            return None;
        }
        Some(if line.len() > LONGEST { Line::TooLong } else { Line::Text(line) })
    }

    /// Waits for more to be there; `false` where that was all.
    ///
    /// # Errors
    /// The body broke off.
    pub(super) async fn more(&mut self) -> Result<bool, Fault> {
        while !self.ended {
            let frame = std::future::poll_fn(|cx| Pin::new(&mut self.body).poll_frame(cx)).await;
            match frame.transpose()? {
                None => self.ended = true,
                Some(frame) => {
                    if let Ok(data) = frame.into_data() {
                        self.read.extend_from_slice(&data);
                        return Ok(true);
                    }
                }
            }
        }
        Ok(!self.read.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll};

    use http_body::Frame;

    use super::*;

    struct Pieces(Vec<Bytes>);

    impl http_body::Body for Pieces {
        type Data = Bytes;
        type Error = Fault;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
            Poll::Ready(self.0.pop().map(|piece| Ok(Frame::data(piece))))
        }
    }

    async fn lines(text: &str, step: usize) -> Vec<Line> {
        let mut pieces: Vec<_> = text.as_bytes().chunks(step).map(Bytes::copy_from_slice).collect();
        pieces.reverse();
        let mut lines = Lines::new(Body::stream(Pieces(pieces)));
        let mut all = Vec::new();
        loop {
            while let Some(line) = lines.ready() {
                all.push(line);
            }
            if !lines.more().await.unwrap() {
                return all;
            }
        }
    }

    #[tokio::test]
    async fn lines_are_the_same_however_they_come() {
        let text = |line: &'static str| Line::Text(Bytes::from_static(line.as_bytes()));
        for step in [1, 2, 3, 7, 100] {
            assert_eq!(lines("", step).await, []);
            assert_eq!(lines("\n \n\r\n", step).await, []);
            assert_eq!(lines("a\n\nbc\nd", step).await, [text("a"), text("bc"), text("d")]);
            assert_eq!(lines("a\r\nb\n", step).await, [text("a\r"), text("b")]);
        }
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_is_told_once_and_the_next_is_read() {
        let long = format!("a\n{}\nb\n{}", "x".repeat(5 * LONGEST), "y".repeat(2 * LONGEST));
        let text = |line: &'static str| Line::Text(Bytes::from_static(line.as_bytes()));
        for step in [1000, LONGEST + 1, 10 * LONGEST] {
            let expected = [text("a"), Line::TooLong, text("b"), Line::TooLong];
            assert_eq!(lines(&long, step).await, expected, "{step}");
        }
    }
}
