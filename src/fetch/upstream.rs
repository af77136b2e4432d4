//! Whom a flight asks, and what.

use std::sync::Arc;

use http::request;

use crate::base::{Body, Clock, Fault, WorkerId};
use crate::config::RouteTerms;
use crate::origin::{Exchange, Pool};

/// Whom a flight asks: the servers of a datacenter, or where none of these can be reached, those of another.
#[derive(Debug)]
pub struct Upstream {
    /// Who is asked.
    pub first: Way,
    /// Who is asked where these cannot be reached.
    pub second: Option<Box<Way>>,
    /// What the request's route wants otherwise than the cluster has it.
    pub terms: RouteTerms,
}

/// How the servers of one datacenter are asked: a node of the fleet is told more than an origin.
#[derive(Debug)]
pub struct Way {
    /// The servers.
    pub pool: Arc<Pool>,
    /// The question for a whole response.
    pub fill: request::Parts,
    /// The question whether what is stored is still right, where it can be asked.
    pub validate: Option<request::Parts>,
}

impl Upstream {
    /// Whether there is something stored that can be asked about.
    pub fn validates(&self) -> bool {
        self.first.validate.is_some()
    }

    /// Asks for a whole response.
    ///
    /// # Errors
    /// What kept its head from coming.
    pub async fn ask(&self, worker: WorkerId, clock: &Clock) -> Result<Exchange, Fault> {
        self.send(|way| &way.fill, worker, clock).await
    }

    /// Asks whether what is stored is still right, or where that cannot be asked, for a whole response.
    ///
    /// # Errors
    /// What kept its head from coming.
    pub async fn validate(&self, worker: WorkerId, clock: &Clock) -> Result<Exchange, Fault> {
        self.send(|way| way.validate.as_ref().unwrap_or(&way.fill), worker, clock).await
    }

    async fn send(
        &self,
        question: fn(&Way) -> &request::Parts,
        worker: WorkerId,
        clock: &Clock,
    ) -> Result<Exchange, Fault> {
        let ask = async |way: &Way| {
            way.pool.send(question(way), &mut Body::Empty, self.terms, worker, clock).await
        };
        match (ask(&self.first).await, &self.second) {
            (Err(fault), Some(second)) if fault.unsent => ask(second).await,
            (answer, _) => answer,
        }
    }
}
