//! Cookies: who has a session, what of a request without one the store and an origin see.

use std::path::Path;
use std::sync::LazyLock;

use http::header::COOKIE;
use http::{HeaderMap, HeaderName, request};

use super::{fields, lines};
use crate::base::Peer;
use crate::config::{self, Config, Ids};
use crate::semantics::{Present, Vary};
use crate::site::forward::{self, Hop, Purpose};
use crate::site::plan::{self, Plan};
use crate::site::{Sites, View};

/// A node in front of a wiki, which tells readers by their `theme` cookie.
static WIKI: LazyLock<(Config, Sites)> = LazyLock::new(|| {
    let text = "[node]\nname = \"fuzz\"\nmemory = \"1GiB\"\n\
                [[listener]]\naddress = \"127.0.0.1:0\"\n\
                [cluster.wiki]\nservers = [\"127.0.0.1:1\"]\n\
                [site.wiki]\nhosts = [\"*\"]\ncluster = \"wiki\"\nprofile = \"mediawiki\"\n\
                [site.wiki.property.X-Theme]\nof = \"cookie:theme\"\n\
                values = [{ match = \"^dark$\", is = \"dark\" }]\n";
    let loaded = config::parse(text, "fuzz", Path::new("."), &Ids::default());
    let config = loaded.expect("a configuration of a few lines is one").config;
    let sites = Sites::new(&config.sites);
    (config, sites)
});

const THEME: HeaderName = HeaderName::from_static("x-theme");

/// `data` as the lines of Cookie of a reader's request. A session is found wherever one is written,
/// and then nothing of the cookies is changed. Without one no cookie reaches the store or a question
/// whose answer many share; such requests are all one to what varies on Cookie, but for what a
/// property makes of them, which is what a second reader finds.
pub fn cookies(data: &[u8]) {
    let sent = lines(&COOKIE, data);
    let all: Vec<&[u8]> = sent.values().map(http::HeaderValue::as_bytes).collect();
    let session = all.iter().any(|line| has_session(line));
    let theme = theme(&all);
    let (seen, view, plan) = see(&sent);
    assert_eq!(view.session, session, "{all:?}");
    assert_eq!(
        seen.headers.get(THEME).is_some_and(|value| value == "dark"),
        theme == Some(b"dark")
    );
    let now: Vec<&[u8]> = seen.headers.get_all(COOKIE).iter().map(|line| line.as_bytes()).collect();
    if session {
        assert_eq!(now, all, "a session's cookies are changed");
    } else {
        assert!(now.is_empty(), "the store sees {now:?}");
        check_shared(&seen, theme == Some(b"dark"));
    }
    for purpose in [Purpose::Fill, Purpose::Pass] {
        let own = matches!(purpose, Purpose::Pass);
        let asked = asked(&seen, &view, &plan, purpose);
        let told = asked.headers.get(COOKIE).map(http::HeaderValue::as_bytes);
        // What was kept aside comes back in one line, and a session's lines stay as they are.
        let joined = all.join(&b"; "[..]);
        let line = if session { all.first().copied() } else { Some(&*joined) };
        let expected = line.filter(|_| session || own && !all.is_empty());
        assert_eq!(told, expected.map(<[u8]>::trim_ascii), "for {purpose:?}");
    }
    check_joined(sent, session);
}

/// What the store sees of a request with these fields.
fn see(sent: &HeaderMap) -> (request::Parts, View, Plan) {
    let (config, sites) = &*WIKI;
    let request = http::Request::get("/wiki/Tide").header("host", "wiki.test").body(());
    let (mut head, ()) = request.expect("a request of a few words is one").into_parts();
    head.headers.extend(sent.clone());
    let mut present = Present::of(&head.headers);
    let plan = plan::plan(&head, present, false, &peer(), sites, config);
    let plan = plan.unwrap_or_else(|refusal| panic!("{:?}", refusal.reason));
    let view = View::of(&mut head, &mut present, &plan);
    (head, view, plan)
}

/// Whoever has no session selects what anybody has who has none, but for the theme.
fn check_shared(seen: &request::Parts, dark: bool) {
    let vary = Vary::of(&fields(b"vary: cookie, x-theme"));
    let nobody = see(&HeaderMap::new()).0;
    let dark_one = see(&lines(&COOKIE, b"theme=dark")).0;
    for (other, alike) in [(nobody, !dark), (dark_one, dark)] {
        let selecting = vary.select(&other.headers).expect("it does not vary on everything");
        assert_eq!(selecting.matches(&seen.headers), alike);
    }
}

fn asked(seen: &request::Parts, view: &View, plan: &Plan, purpose: Purpose<'_>) -> request::Parts {
    let hop = Hop { peer: &peer(), node: "fuzz", request_id: None, to_node: false };
    forward::upstream(seen, plan, view, &hop, purpose)
}

/// The pieces in which HTTP/2 sends them are the same cookies.
fn check_joined(mut sent: HeaderMap, session: bool) {
    forward::join_cookies(&mut sent);
    assert!(sent.get_all(COOKIE).iter().nth(1).is_none());
    assert_eq!(see(&sent).1.session, session, "joined they have another session");
}

fn peer() -> Peer {
    let local = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
    Peer::plain(local, local)
}

/// What `(?:[sS]ession|Token)=` finds.
fn has_session(line: &[u8]) -> bool {
    let words: [&[u8]; 3] = [b"session=", b"Session=", b"Token="];
    words.iter().any(|word| line.windows(word.len()).any(|part| part == *word))
}

/// The value of the first cookie called `theme`.
fn theme<'a>(all: &[&'a [u8]]) -> Option<&'a [u8]> {
    for line in all {
        for pair in line.split(|byte| *byte == b';') {
            let pair = pair.trim_ascii();
            if let Some(equals) = pair.iter().position(|byte| *byte == b'=')
                && pair[..equals] == *b"theme"
            {
                return Some(&pair[equals + 1..]);
            }
        }
    }
    None
}
