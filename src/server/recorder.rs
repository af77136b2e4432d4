//! What `front` tells of requests and connections, counted and logged.

use std::sync::Arc;

use crate::base::Peer;
use crate::front::{ConnectionEvent, End, Limit, Recorder, Wait};
use crate::telemetry::{Count, Finished, Gauge, Meter};

/// Counts for one worker.
pub(super) struct Counting(pub(super) Arc<Meter>);

impl Recorder for Counting {
    fn began(&self) {
        self.0.shift(Gauge::RequestsInFlight, 1);
    }

    fn finished(&self, finished: &Finished<'_>) {
        self.0.shift(Gauge::RequestsInFlight, -1);
        self.0.finish(finished);
    }

    fn event(&self, _: &Peer, event: ConnectionEvent) {
        let count = match event {
            ConnectionEvent::Secured { resumed: true, .. } => Count::TlsResumed,
            ConnectionEvent::Secured { .. } => Count::TlsFull,
            ConnectionEvent::Opened(_) => return,
            ConnectionEvent::Refused(limit) => limited(limit),
            ConnectionEvent::GaveUp(Wait::Progress) => Count::StreamTimedOutProgress,
            ConnectionEvent::GaveUp(_) => Count::StreamTimedOutWrite,
            ConnectionEvent::Closed(end) => match ended(end) {
                Some(count) => count,
                None => return,
            },
        };
        self.0.add(count, 1);
    }
}

fn limited(limit: Limit) -> Count {
    match limit {
        Limit::Resets => Count::LimitedResets,
        Limit::StreamErrors => Count::LimitedStreamErrors,
        Limit::Pings => Count::LimitedPings,
        Limit::Settings => Count::LimitedSettings,
        Limit::Ignored => Count::LimitedIgnored,
        Limit::WindowUpdates => Count::LimitedWindowUpdates,
        Limit::EmptyFrames => Count::LimitedEmptyFrames,
        Limit::Continuations => Count::LimitedContinuations,
        Limit::Head => Count::LimitedHead,
        Limit::Crumbs => Count::LimitedCrumbs,
        Limit::Pinned => Count::LimitedPinned,
    }
}

fn ended(end: End) -> Option<Count> {
    Some(match end {
        // A panic is counted with the request that it ended.
        End::Done | End::Broken | End::Panicked => return None,
        End::Left => Count::BrokenReset,
        End::Handshake => Count::TlsFailed,
        End::Refused(_) => Count::BrokenProtocol,
        End::Beyond(limit) => limited(limit),
        End::Cut(wait) => match wait {
            Wait::Handshake => Count::TimedOutHandshake,
            Wait::FirstByte => Count::TimedOutFirstByte,
            Wait::Header => Count::TimedOutHeader,
            Wait::Idle => Count::TimedOutIdle,
            Wait::Write => Count::TimedOutWrite,
            Wait::Progress => Count::TimedOutProgress,
            Wait::Unread => Count::TimedOutUnread,
        },
    })
}
