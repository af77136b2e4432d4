//! What a hostile origin does: bytes as they are, resets, floods and silence, in the order of a list,
//! with places where it waits for the test's cue.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use super::page::Then;
use super::wait::Watched;
use super::wire::Wire;

/// One thing that it does.
#[derive(Clone)]
pub enum Act {
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Sends them again and again, until the peer has left.
    Flood(Vec<u8>),
    /// Waits for the next cue.
    Wait(Cue),
    /// Sends nothing more and keeps the connection, until the peer has left.
    Silence,
    /// Takes the next request.
    Keep,
    /// Ends the connection properly.
    Close,
    /// Cuts it with a reset.
    Reset,
}

/// The test's hold on what waits for it.
#[derive(Clone, Default)]
pub struct Cue(Arc<Watched<Cues>>);

#[derive(Default)]
struct Cues {
    given: usize,
    taken: usize,
}

impl Act {
    /// Sends these bytes.
    pub fn send(bytes: impl AsRef<[u8]>) -> Self {
        Self::Send(bytes.as_ref().to_vec())
    }
}

impl Cue {
    /// Lets one wait go on, the next one if none is waiting now.
    pub fn give(&self) {
        self.0.change(|cues| cues.given += 1);
    }

    fn take(&self) -> bool {
        self.0.change(|cues| {
            let is_there = cues.given > cues.taken;
            cues.taken += usize::from(is_there);
            is_there
        })
    }
}

/// Does one after another; what is not said at the end is [`Act::Close`].
pub(super) fn play(acts: Vec<Act>, wire: &mut Wire, stop: &dyn Fn() -> bool) -> io::Result<Then> {
    for act in acts {
        match act {
            Act::Send(bytes) => wire.socket.write_all(&bytes)?,
            Act::Flood(bytes) => loop {
                wire.socket.write_all(&bytes)?;
            },
            Act::Wait(cue) => {
                while !cue.take() {
                    if stop() {
                        return Ok(Then::Close);
                    }
                    std::thread::park_timeout(Duration::from_millis(1));
                }
            }
            Act::Silence => while !wire.some()?.is_empty() {},
            Act::Keep => return Ok(Then::Keep),
            Act::Close => return Ok(Then::Close),
            Act::Reset => return Ok(Then::Reset),
        }
    }
    Ok(Then::Close)
}
