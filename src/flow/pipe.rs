//! A change of protocol: client and origin are joined once the origin has answered 101, and not
//! one byte earlier.

use http::header::UPGRADE;
use http::{HeaderValue, StatusCode};

use super::Visit;
use crate::base::{Body, Fields, Outcome, Reason};
use crate::front::{Answer, Then};
use crate::reply::{self, Verdict, passed};
use crate::site::forward::Purpose;
use crate::site::identity::X_REQUEST_ID;

pub(super) struct Pipe(pub(super) Visit);

impl Pipe {
    pub(super) async fn run(self) -> Answer {
        let Self(mut visit) = self;
        visit.identify();
        let exchange = match visit.ask(Purpose::Pipe).await {
            Ok(exchange) => exchange,
            Err(fault) => return visit.failed(&fault),
        };
        let verdict = Verdict::fetched(Outcome::Pass, Reason::Upgrade, Reason::Upgrade);
        if exchange.head.status != StatusCode::SWITCHING_PROTOCOLS {
            return passed::answer(exchange, &visit.to(), verdict);
        }
        let mut head = exchange.head.clone();
        crate::semantics::hop::strip_hop_by_hop(&mut head.headers);
        if let Some(protocol) = exchange.head.headers.get(UPGRADE) {
            head.headers.insert(UPGRADE, protocol.clone());
        }
        let account = reply::account(&visit.to(), verdict);
        reply::show(&mut head.headers, &visit.to(), &account);
        if let Some(id) = &visit.request_id {
            head.headers.insert(X_REQUEST_ID, HeaderValue::clone(id));
        }
        match exchange.into_tunnel() {
            Ok(tunnel) => {
                let (stored, body) = (Fields::default(), Body::Empty);
                Answer { head, stored, body, account, then: Then::Tunnel(tunnel) }
            }
            Err(fault) => visit.failed(&fault),
        }
    }
}
