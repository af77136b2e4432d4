//! `tidegate demo`: a small wiki behind the cache, for somebody who meets Tidegate first. The wiki is
//! an origin like any other: it listens on a socket of its own, and the cache in front of it is
//! configured by a text ([`TEMPLATE`]) as any other would be. Only the certificate is made here,
//! for this run, and never touches a disk.

mod draft;
mod markup;
mod origin;
mod pages;
mod pictures;
mod title;
mod views;
mod wiki;

use std::fmt::Display;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use super::serve::{Signals, serve};
use super::terminal::{complain, say};
use super::{DemoOptions, Exit, runtime};
use crate::base::Clock;
use crate::config::{self, Certificate, Ids, Listener, Loaded, Pem};
use crate::server::{Parts, Server};
use crate::telemetry::events;
use origin::Origin;
use wiki::Wiki;

/// The demo's configuration, but for its addresses.
const TEMPLATE: &str = include_str!("demo.toml");

/// Serves the demo until a signal ends it.
pub(super) fn demo(options: &DemoOptions) -> Exit {
    if options.print_config {
        say(text(options, "127.0.0.1:PORT").trim_end());
        return Exit::Ok;
    }
    start(options).unwrap_or_else(|why| {
        complain(why);
        Exit::Failed
    })
}

fn start(options: &DemoOptions) -> Result<Exit, String> {
    find_free(options)?;
    let clock = Clock::system();
    let wiki = Wiki::new(clock.clone());
    let origin = Origin::bind().map_err(because("the wiki"))?;
    let origin_address = origin.address();
    let ids = Ids::default();
    let loaded = configuration(options, origin_address, &ids)?;
    origin.serve(wiki.clone(), clock.clone(), &loaded.config).map_err(because("the wiki"))?;
    // Two logs would be one too many: a process that has one already (a test) keeps it.
    drop(events::init(&loaded.config.log.level, false));
    runtime()?.block_on(async {
        let signals = Signals::new().map_err(because("signals"))?;
        let server = Server::start(loaded, Parts { clock, ids }).map_err(because("the cache"))?;
        let addresses = server.addresses();
        let (Some(http), Some(https)) = (addresses.first(), addresses.get(1)) else {
            return Err("the cache listens nowhere".into());
        };
        wiki.purge_through(*http);
        say(banner(*http, *https, server.admin_address(), origin_address));
        Ok(serve(server, signals, |_| {}).await)
    })
}

fn because<E: Display>(what: &str) -> impl FnOnce(E) -> String {
    move |why| format!("cannot start {what}: {why}")
}

/// Finds out whether the demo's addresses are free. Server sockets may share an address with those
/// of another process of the same user (SO_REUSEPORT), so two demos would take each other's
/// requests without an error.
fn find_free(options: &DemoOptions) -> Result<(), String> {
    let wanted = [("--http", options.http), ("--https", options.https), ("--admin", options.admin)];
    let mut held = Vec::new();
    for (flag, address) in wanted {
        let socket = TcpListener::bind(address).map_err(|error| {
            let other = SocketAddr::new(address.ip(), 0);
            format!("cannot listen on {address}: {error}\n    hint: choose another address, such as {flag} {other} for a free port")
        })?;
        held.push(socket);
    }
    Ok(())
}

/// The configuration as text, with `wiki` as its origin.
fn text(options: &DemoOptions, wiki: &str) -> String {
    TEMPLATE
        .replace("@http@", &options.http.to_string())
        .replace("@https@", &options.https.to_string())
        .replace("@admin@", &options.admin.to_string())
        .replace("@log@", if options.log { "stdout" } else { "off" })
        .replace("@wiki@", wiki)
}

/// The configuration, its TLS listener and certificate included.
fn configuration(options: &DemoOptions, wiki: SocketAddr, ids: &Ids) -> Result<Loaded, String> {
    let text = text(options, &wiki.to_string());
    let loaded = config::parse(&text, "the demo's configuration", Path::new("."), ids);
    let mut loaded = loaded.map_err(|errors| errors.to_string())?;
    loaded.config.certificates.push(certificate().map_err(because("TLS"))?);
    let https = Listener { tls: true, ..Listener::at(options.https) };
    loaded.config.listeners.push(https);
    Ok(loaded)
}

/// A certificate for this machine's own names, signed by itself.
fn certificate() -> Result<Certificate, rcgen::Error> {
    let names = ["localhost", "127.0.0.1", "::1"].map(String::from);
    let signed = rcgen::generate_simple_self_signed(names)?;
    Ok(Certificate {
        cert: Pem::Text(signed.cert.pem()),
        key: Pem::Text(signed.signing_key.serialize_pem()),
    })
}

fn banner(
    http: SocketAddr,
    https: SocketAddr,
    admin: Option<SocketAddr>,
    wiki: SocketAddr,
) -> String {
    let mut text =
        format!("Tidegate {}: a demo wiki behind the cache\n\n", env!("CARGO_PKG_VERSION"));
    let mut line = |left: String, right: &str| text += &format!("  {left:<32}  {right}\n");
    line(format!("http://{http}/"), "the wiki, through the cache");
    line(format!("https://{https}/"), "the same by TLS and HTTP/2; signed by itself: curl -k");
    if let Some(admin) = admin {
        line(format!("http://{admin}/status"), "what it counts; also /metrics and /healthz");
    }
    line(format!("http://{wiki}/"), "the wiki alone, with no cache before it");
    text += "\nThree commands to try, in another terminal:\n\n";
    let mut command = |left: String, right: &str| text += &format!("  {left:<56}  # {right}\n");
    let page = format!("http://{http}/wiki/Tide");
    command(format!("curl -i {page}"), "the first time a miss");
    command(format!("curl -i {page}"), "the second time a hit");
    command(format!("curl -i -X PURGE {page}"), "forgotten: the next is a miss again");
    text += "\nCache-Status says what happened and why. Or edit a page in a browser.\nCtrl-C ends the demo.";
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn options() -> DemoOptions {
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        DemoOptions {
            http: address(8080),
            https: address(8443),
            admin: address(9180),
            log: false,
            print_config: false,
        }
    }

    #[test]
    fn the_configuration_is_one() {
        let wiki = SocketAddr::from(([127, 0, 0, 1], 18080));
        let config = configuration(&options(), wiki, &Ids::default()).unwrap().config;
        let listeners: Vec<_> =
            config.listeners.iter().map(|l| (l.address.port(), l.tls)).collect();
        assert_eq!(listeners, [(8080, false), (8443, true)]);
        assert_eq!(config.clusters[0].locations[0].servers[0].port, 18080);
        assert!(!text(&options(), "x").contains('@'));
    }

    #[test]
    fn an_address_that_is_taken_is_named_with_the_way_out() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        let options = DemoOptions { http: free, https: address, admin: free, ..options() };
        let why = find_free(&options).unwrap_err();
        assert!(why.starts_with(&format!("cannot listen on {address}: ")), "{why}");
        assert!(why.contains("--https 127.0.0.1:0"), "{why}");
    }

    #[test]
    fn the_banner_has_the_three_commands() {
        let [http, https, admin, wiki] =
            [8080, 8443, 9180, 18080].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let banner = banner(http, https, Some(admin), wiki);
        assert_eq!(banner.matches("  curl -i http://127.0.0.1:8080/wiki/Tide ").count(), 2);
        assert!(banner.contains("  curl -i -X PURGE http://127.0.0.1:8080/wiki/Tide "), "{banner}");
        assert!(banner.contains("https://127.0.0.1:8443/"), "{banner}");
    }
}
