//! A connection to a broker: a request, then its answer (Kafka protocol guide, "Common Request and
//! Response Structure").

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Trouble;
use super::codec::Writer;
use super::protocol::{self, Api};
use crate::base::Clock;
use crate::config;
use crate::net::client_tls::{self, ClientConfig};
use crate::net::dial::{self, Tls, dial};
use crate::net::resolver::Resolver;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);

/// How long an answer may take, beyond what the broker was allowed to wait.
const ANSWER: Duration = Duration::from_secs(30);

/// The longest answer with messages, since a broker sends a batch whole however few bytes were asked for;
/// and the longest of any other.
const LONGEST: [u32; 2] = [64 << 20, 4 << 20];

/// What brokers see of who asks.
const CLIENT: &str = "tidegate";

/// How brokers are reached.
#[derive(Debug)]
pub(super) struct Reach {
    /// Time.
    pub(super) clock: Clock,
    /// Names.
    pub(super) resolver: Resolver,
    /// Whom to believe, where brokers speak TLS.
    pub(super) tls: Option<Arc<ClientConfig>>,
}

impl Reach {
    /// How the brokers of `config` are reached.
    ///
    /// # Errors
    /// A sentence about its TLS settings.
    pub(super) fn new(
        config: &config::Stream,
        clock: &Clock,
        resolver: Resolver,
    ) -> Result<Self, String> {
        let tls = match config.tls {
            true => Some(client_tls::client_config(config.roots.as_ref(), None)?),
            false => None,
        };
        Ok(Self { clock: clock.clone(), resolver, tls })
    }
}

/// A connection.
#[derive(Debug)]
pub(super) struct Link {
    stream: dial::Stream,
    clock: Clock,
    /// Where it leads, for errors.
    broker: String,
    last: i32,
}

impl Link {
    /// Connects to a broker that takes the requests in `needs`.
    ///
    /// # Errors
    /// It cannot be reached, or is too old.
    pub(super) async fn open(
        reach: &Reach,
        host: &str,
        port: u16,
        needs: &[Api],
    ) -> Result<Self, Trouble> {
        let broker = format!("{host}:{port}");
        let trouble = |what: &dyn std::fmt::Display| Trouble(format!("{broker}: {what}"));
        let name = || client_tls::server_name(host).map_err(|why| trouble(&why));
        let tls = match &reach.tls {
            Some(config) => Some(Tls { config: Arc::clone(config), name: name()? }),
            None => None,
        };
        let opening = async {
            let addresses: Arc<[IpAddr]> = match host.parse() {
                Ok(address) => [address].into(),
                Err(_) => reach.resolver.watch(host).get().await?,
            };
            dial(&addresses, port, tls.as_ref(), CONNECT, &reach.clock).await
        };
        let opened = reach.clock.within(CONNECT, opening).await;
        let opened = opened.map_err(|_| trouble(&format_args!("no answer within {CONNECT:?}")))?;
        let stream = opened.map_err(|fault| trouble(&fault))?;
        let mut link = Self { stream, clock: reach.clock.clone(), broker, last: 0 };
        let answer = link.ask(Api::VERSIONS, &[], Duration::ZERO).await?;
        let missing = protocol::not_taken(&answer, needs).map_err(|why| link.malformed(why))?;
        match missing.first() {
            None => Ok(link),
            Some(Api { name, version, .. }) => Err(link.trouble(&format_args!(
                "it does not take version {version} of {name}; Apache Kafka 3.1 and later do"
            ))),
        }
    }

    /// Asks the broker, which may take `patience` before it answers; the answer behind its number.
    ///
    /// # Errors
    /// The connection, or the broker, fails; nothing more can be asked on it then.
    pub(super) async fn ask(
        &mut self,
        api: Api,
        body: &[u8],
        patience: Duration,
    ) -> Result<Vec<u8>, Trouble> {
        self.last = self.last.wrapping_add(1);
        let request = framed(api, self.last, body);
        let clock = self.clock.clone();
        let limit = patience + ANSWER;
        let [messages, other] = LONGEST;
        let longest = if api == Api::FETCH { messages } else { other };
        let answer = clock.within(limit, self.exchange(&request, longest)).await;
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.trouble(&error)),
            Err(_) => Err(self.trouble(&format_args!("no answer within {limit:?}"))),
        }
    }

    async fn exchange(&mut self, request: &[u8], longest: u32) -> std::io::Result<Vec<u8>> {
        let wrong = |what: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, what);
        self.stream.write_all(request).await?;
        self.stream.flush().await?;
        let length = self.stream.read_u32().await?;
        if length > longest {
            return Err(wrong(
                "its answer is too long; is this port a Kafka broker's, and without TLS?",
            ));
        }
        let number = self.stream.read_i32().await?;
        let length =
            u64::from(length).checked_sub(4).ok_or_else(|| wrong("its answer is too short"))?;
        // Grows by what has come, not by what was announced.
        let mut answer = Vec::new();
        (&mut self.stream).take(length).read_to_end(&mut answer).await?;
        if (answer.len() as u64) < length {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if number == self.last { Ok(answer) } else { Err(wrong("it answers another request")) }
    }

    /// What is wrong with the broker, which is named.
    pub(super) fn trouble(&self, what: &dyn std::fmt::Display) -> Trouble {
        Trouble(format!("{}: {what}", self.broker))
    }

    /// The same of an answer that is none.
    pub(super) fn malformed(&self, why: super::codec::Malformed) -> Trouble {
        self.trouble(&format_args!("its answer cannot be read: {why}"))
    }
}

/// A request with its head.
fn framed(api: Api, number: i32, body: &[u8]) -> Vec<u8> {
    let mut head = Writer::default();
    head.int16(api.key);
    head.int16(api.version);
    head.int32(number);
    head.short_text(CLIENT);
    if api.is_flexible() {
        head.no_tags();
    }
    let head = head.into_bytes();
    let length = u32::try_from(head.len() + body.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], &head, body].concat()
}
