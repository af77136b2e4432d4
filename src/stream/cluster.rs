//! Asking a cluster what there is: who its brokers are, and who leads which partition.

use std::time::Duration;

use super::Trouble;
use super::link::{Link, Reach};
use super::protocol::{self, Api, Metadata};
use crate::config::Broker;

/// The first of `brokers` that answers and takes `needs`, and what it tells of `topics`.
///
/// # Errors
/// None does; why the last one did not.
pub(super) async fn bootstrap(
    reach: &Reach,
    brokers: &[Broker],
    topics: &[String],
    needs: &[Api],
) -> Result<(Link, Metadata), Trouble> {
    let mut last = Trouble("no broker is configured".to_owned());
    for broker in brokers {
        match Link::open(reach, &broker.host, broker.port, needs).await {
            Ok(mut link) => match ask(&mut link, topics).await {
                Ok(metadata) => return Ok((link, metadata)),
                Err(trouble) => last = trouble,
            },
            Err(trouble) => last = trouble,
        }
    }
    Err(last)
}

/// What a broker tells of `topics`.
///
/// # Errors
/// It does not answer.
pub(super) async fn ask(link: &mut Link, topics: &[String]) -> Result<Metadata, Trouble> {
    let request = protocol::metadata_request(topics);
    let answer = link.ask(Api::METADATA, &request, Duration::ZERO).await?;
    protocol::metadata(&answer).map_err(|why| link.malformed(why))
}
