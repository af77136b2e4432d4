//! Who may use the control API. Where tokens are configured, one of them: a bearer token (RFC 6750 §2.1)
//! that is good for some sites or for all, and for so many orders a second. Where there is none, whoever
//! may send PURGE: the addresses of `[purge] allow`, for everything.
//!
//! Secrets are read from files when a configuration is put in force, compared in constant time, and shown
//! nowhere.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use subtle::ConstantTimeEq;

use crate::base::{Bucket, Peer};
use crate::config::{self, Config, HostPattern, SourceTerms};
use crate::geo::PrefixSet;

/// The shortest secret, in bytes: sixteen at random cannot be guessed.
const SHORTEST: usize = 16;
/// The largest file that a secret stands in.
const LONGEST: usize = 4096;

/// The rules in force; a reload replaces them.
#[derive(Debug)]
pub struct Gate(ArcSwap<Rules>);

/// Who may use the control API; by default nobody.
#[derive(Debug, Default)]
pub struct Rules {
    allow: PrefixSet,
    tokens: Vec<Arc<Token>>,
    /// After which time orders are repeated; zero where they are not.
    rebound: Duration,
}

/// A token.
pub struct Token {
    name: String,
    secret: Box<[u8]>,
    /// The names of its sites; `None` for all.
    sites: Option<Vec<String>>,
    rate: [u32; 2],
    bucket: Arc<Bucket>,
}

/// What a request was let in by.
#[derive(Clone, Debug)]
pub enum Grant {
    /// Its address.
    Address,
    /// A token.
    Token(Arc<Token>),
}

/// Why a request was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// It has no token, and needs one.
    NoToken,
    /// Its token is none of ours.
    BadToken,
    /// It comes from an address that may not purge.
    Address,
}

impl Gate {
    /// The gate that `config` makes.
    ///
    /// # Errors
    /// A sentence for each secret that cannot be read or is too short.
    pub fn new(config: &Config) -> Result<Self, Vec<String>> {
        Rules::read(config, None).map(Self::of)
    }

    /// The gate that `rules` make.
    pub fn of(rules: Rules) -> Self {
        Self(ArcSwap::from_pointee(rules))
    }

    /// Puts other rules in force.
    pub fn follow(&self, rules: Rules) {
        self.0.store(Arc::new(rules));
    }

    /// The rules that `config` makes, where tokens that are as they were have what is left of their rate.
    ///
    /// # Errors
    /// A sentence for each secret that cannot be read or is too short.
    pub fn read(&self, config: &Config) -> Result<Rules, Vec<String>> {
        Rules::read(config, Some(&self.0.load()))
    }

    /// On which terms orders are taken: as those of PURGE, about all hosts.
    pub fn terms(&self) -> SourceTerms {
        SourceTerms { hosts: vec![HostPattern::Any], rebound: self.0.load().rebound }
    }

    /// Lets a request with `headers` from `peer` in.
    ///
    /// # Errors
    /// It may not come in.
    pub fn admit(&self, headers: &HeaderMap, peer: &Peer) -> Result<Grant, Closed> {
        let rules = self.0.load();
        if rules.tokens.is_empty() {
            let address = peer.remote.ip().to_canonical();
            return rules.allow.contains(address).then_some(Grant::Address).ok_or(Closed::Address);
        }
        let given = bearer(headers).ok_or(Closed::NoToken)?;
        // All are compared, so that the time tells nothing of which was near.
        let mut found = None;
        for token in &rules.tokens {
            if bool::from(token.secret.ct_eq(given)) {
                found = Some(Grant::Token(Arc::clone(token)));
            }
        }
        found.ok_or(Closed::BadToken)
    }
}

/// The token of `Authorization: Bearer TOKEN`.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, rest) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| rest.trim_ascii())
}

impl Rules {
    fn read(config: &Config, before: Option<&Self>) -> Result<Self, Vec<String>> {
        let (mut tokens, mut errors) = (Vec::new(), Vec::new());
        for token in &config.tokens {
            match Token::read(token, before) {
                Ok(token) => tokens.push(Arc::new(token)),
                Err(why) => errors.push(format!("the secret of token {}: {why}", token.name)),
            }
        }
        let (allow, rebound) = (config.purge.allow.clone(), config.purge.rebound);
        if errors.is_empty() { Ok(Self { allow, tokens, rebound }) } else { Err(errors) }
    }
}

impl Token {
    fn read(token: &config::Token, before: Option<&Rules>) -> Result<Self, String> {
        let file = &token.secret_file;
        let text = std::fs::read(file).map_err(|why| format!("{}: {why}", file.display()))?;
        let secret = text.trim_ascii();
        if secret.len() < SHORTEST || secret.len() > LONGEST {
            return Err(format!(
                "{} holds {} bytes, and should hold {SHORTEST} to {LONGEST}: `openssl rand -hex 32`",
                file.display(),
                secret.len()
            ));
        }
        if !secret.iter().all(u8::is_ascii_graphic) {
            return Err(format!("{} holds more than one word of ASCII", file.display()));
        }
        let same =
            |old: &&Arc<Self>| old.name == token.name && old.rate == [token.rate, token.burst];
        let kept = before.and_then(|before| before.tokens.iter().find(same));
        let kept = kept.map(|old| Arc::clone(&old.bucket));
        Ok(Self {
            name: token.name.clone(),
            secret: secret.into(),
            sites: token.sites.clone(),
            rate: [token.rate, token.burst],
            bucket: kept.unwrap_or_else(|| Arc::new(Bucket::new(token.rate, token.burst))),
        })
    }
}

impl Grant {
    /// The token's name; none where it was the address.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Address => None,
            Self::Token(token) => Some(&token.name),
        }
    }

    /// Whether it covers `site`; `None` stands for all of them.
    pub fn covers(&self, site: Option<&str>) -> bool {
        let Self::Token(token) = self else { return true };
        let Some(sites) = &token.sites else { return true };
        site.is_some_and(|name| sites.iter().any(|of| of == name))
    }

    /// Whether its rate allows one more order at `now`, which is then counted.
    pub fn takes_one(&self, now: Instant) -> bool {
        match self {
            Self::Address => true,
            Self::Token(token) => token.bucket.take(now),
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({})", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(tokens: &[(&str, Option<&[&str]>)]) -> Gate {
        let tokens = tokens.iter().map(|(name, sites)| {
            let sites = sites.map(|list| list.iter().map(|&name| name.to_owned()).collect());
            let secret = format!("secret-of-{name}").into_bytes().into();
            let bucket = Arc::new(Bucket::new(10, 20));
            Arc::new(Token { name: (*name).into(), secret, sites, rate: [10, 20], bucket })
        });
        let allow = ["127.0.0.0/8".parse().unwrap()].into_iter().collect();
        Gate::of(Rules { allow, tokens: tokens.collect(), rebound: Duration::ZERO })
    }

    fn ask(gate: &Gate, authorization: Option<&str>, from: &str) -> Result<Grant, Closed> {
        let mut headers = HeaderMap::new();
        if let Some(value) = authorization {
            headers.insert(AUTHORIZATION, value.parse().unwrap());
        }
        let peer = Peer::plain("127.0.0.1:9180".parse().unwrap(), from.parse().unwrap());
        gate.admit(&headers, &peer)
    }

    #[test]
    fn without_tokens_the_address_decides() {
        let gate = gate(&[]);
        assert!(ask(&gate, None, "127.0.0.9:1").unwrap().covers(None));
        assert_eq!(ask(&gate, None, "192.0.2.1:1").unwrap_err(), Closed::Address);
    }

    #[test]
    fn with_tokens_only_they_decide_and_each_covers_its_sites() {
        let gate = gate(&[("all", None), ("one", Some(&["wiki"]))]);
        assert_eq!(ask(&gate, None, "127.0.0.1:1").unwrap_err(), Closed::NoToken);
        for bad in ["Bearer secret-of-al", "Bearer secret-of-alll", "Bearer ", "Bearer x y"] {
            assert_eq!(
                ask(&gate, Some(bad), "127.0.0.1:1").unwrap_err(),
                Closed::BadToken,
                "{bad}"
            );
        }
        for none in ["Basic secret-of-all", "secret-of-all", "Bearer"] {
            assert_eq!(
                ask(&gate, Some(none), "127.0.0.1:1").unwrap_err(),
                Closed::NoToken,
                "{none}"
            );
        }
        let all = ask(&gate, Some("Bearer secret-of-all"), "192.0.2.1:1").unwrap();
        assert_eq!(
            (all.name(), all.covers(None), all.covers(Some("x"))),
            (Some("all"), true, true)
        );
        let one = ask(&gate, Some("bearer secret-of-one"), "192.0.2.1:1").unwrap();
        assert!(one.covers(Some("wiki")) && !one.covers(Some("commons")) && !one.covers(None));
    }
}
