//! A crawl of everything that the wiki's pages link to: first at the wiki itself, then twice through
//! the edge. What comes through the edge is what the wiki sent, by the sums that it tells, and what
//! may be shared is a hit the second time; all the rest is listed with the edge's reason.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::super::answer::Answer;
use super::stage::{Stage, Verdict, ensure};
use super::visitor::Visitor;

/// Where a crawl begins. The second lists every page.
const SEEDS: [&str; 2] = ["/wiki/Main_Page", "/wiki/Special:AllPages"];

/// What may be stored for less than this may be gone when it is asked for again, in seconds.
pub const SHORT: u64 = 60;

const CLIENTS: usize = 3;

/// A host's label and a target there.
pub type Address = (String, String);

/// What a crawl of the wiki itself finds, and what the wiki answers.
pub type Found = BTreeMap<Address, Answer>;

/// Crawls by curl.
pub fn crawl(stage: &Stage<'_>, found: &Found) -> Verdict {
    let addresses: Vec<Address> = found.keys().cloned().collect();
    let [cold, warm] = [(); 2].map(|()| in_parallel(&addresses, &stage.reader()));
    let mut hits = 0;
    let mut wrong = Vec::new();
    let mut others = Reasons::default();
    for (((address, own), cold), warm) in found.iter().zip(&cold).zip(&warm) {
        let (host, target) = address;
        for answer in [cold, warm] {
            if answer.status != own.status || !is_what_was_sent(answer, own) {
                wrong.push(format!("{host} {target}: not what was sent: {}", answer.head));
            }
        }
        if stage.front.is_hit(warm) {
            hits += 1;
            if warm.body != cold.body {
                wrong.push(format!("{host} {target}: another body from the store"));
            }
            continue;
        }
        others.add(&format!("{}: {}", words(own), stage.front.reason(cold)), host, target);
        if shared_lifetime(own) >= SHORT {
            wrong.push(format!("{host} {target}: no hit: {}", warm.head));
        }
    }
    println!("{}: curl found {} addresses, {hits} of them hits", stage.front.name(), found.len());
    others.print();
    ensure(wrong.is_empty(), || format!("{} wrong: {}", wrong.len(), wrong.join("\n")))
}

/// Everything that pages link to, with what the wiki itself answers.
pub fn at_the_wiki(stage: &Stage<'_>) -> Found {
    let mut found = BTreeMap::new();
    let alpha = |target: &str| ("alpha".to_owned(), target.to_owned());
    let mut next: Vec<Address> = SEEDS.iter().map(|target| alpha(target)).collect();
    while !next.is_empty() {
        let answers = in_parallel(&next, &stage.past_the_edge());
        let mut linked = BTreeSet::new();
        for (address, answer) in next.into_iter().zip(answers) {
            if is_followed(&address, &answer) {
                linked.extend(links(&answer.text(), &address.0));
            }
            found.insert(address, answer);
        }
        next = linked.into_iter().filter(|address| !found.contains_key(address)).collect();
    }
    found
}

/// Has `visitor` ask for all of `addresses`, several at a time; the answers in their order.
fn in_parallel(addresses: &[Address], visitor: &Visitor) -> Vec<Answer> {
    let next = AtomicUsize::new(0);
    let mut answers: Vec<(usize, Answer)> = thread::scope(|scope| {
        let work = || {
            let mut mine = Vec::new();
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                let Some((host, target)) = addresses.get(n) else { return mine };
                mine.push((n, visitor.get(host, target)));
            }
        };
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(work)).collect();
        clients.into_iter().flat_map(|client| client.join().expect("curl runs")).collect()
    });
    answers.sort_by_key(|(n, _)| *n);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// Whether it is a page whose links are followed, and no form or list about one.
pub fn is_followed((_, target): &Address, answer: &Answer) -> bool {
    let is_page = target.starts_with("/wiki/") && !target.contains('?');
    let is_html = answer.field("content-type").is_some_and(|kind| kind.starts_with("text/html"));
    is_page && is_html && (!target.contains("Special:") || SEEDS.contains(&target.as_str()))
}

/// What a page of `host` links to or shows.
fn links(html: &str, host: &str) -> BTreeSet<Address> {
    let mut links = BTreeSet::new();
    for start in [" href=\"", " src=\""] {
        for rest in html.split(start).skip(1) {
            let link = rest.split(['"', '#']).next().unwrap_or_default().replace("&amp;", "&");
            let link = link.strip_prefix("http:").unwrap_or(&link);
            if let Some(elsewhere) = link.strip_prefix("//") {
                let (name, path) = elsewhere.split_once('/').unwrap_or((elsewhere, ""));
                if let Some(host) = name.strip_suffix(".wiki.test") {
                    links.insert((host.to_owned(), format!("/{path}")));
                }
            } else if link.starts_with('/') {
                links.insert((host.to_owned(), link.to_owned()));
            }
        }
    }
    links
}

/// Whether a body is the one that the wiki sent: it has the sum that came with it, or, where a file
/// was sent, the bytes that the wiki sends to everybody.
fn is_what_was_sent(answer: &Answer, own: &Answer) -> bool {
    let Some(told) = answer.field("x-rig-sum") else { return answer.body == own.body };
    // FNV-1a of 64 bits, as PHP writes it.
    let sum = answer.body.iter().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    told == format!("{sum:016x}")
}

/// For how many seconds the wiki lets others store an answer.
pub fn shared_lifetime(answer: &Answer) -> u64 {
    let control = answer.field("cache-control").unwrap_or_default().to_lowercase();
    let says = |word: &str| control.split(',').any(|part| part.trim() == word);
    let is_personal = ["private", "no-store", "no-cache"].into_iter().any(says);
    if is_personal || answer.field("set-cookie").is_some() {
        return 0;
    }
    let seconds = |name: &str| {
        let mut parts = control.split(',').filter_map(|part| part.trim().strip_prefix(name));
        parts.next().and_then(|value| value.parse().ok())
    };
    seconds("s-maxage=").or_else(|| seconds("max-age=")).unwrap_or(0)
}

/// What an answer says of itself.
pub fn words(answer: &Answer) -> String {
    let control = answer.field("cache-control").unwrap_or("no Cache-Control");
    let cookie = answer.field("set-cookie").map_or("", |_| ", Set-Cookie");
    format!("{} {control}{cookie}", answer.status)
}

/// What was no hit, by its reason and by what it is.
#[derive(Default)]
pub struct Reasons(BTreeMap<String, BTreeMap<String, usize>>);

impl Reasons {
    /// Adds one address.
    pub fn add(&mut self, reason: &str, host: &str, target: &str) {
        let kinds = self.0.entry(reason.to_owned()).or_default();
        *kinds.entry(format!("{host} {}", kind(target))).or_default() += 1;
    }

    /// Prints all.
    pub fn print(&self) {
        for (reason, kinds) in &self.0 {
            println!("  {reason}");
            kinds.iter().for_each(|(kind, count)| println!("    {count} × {kind}"));
        }
    }
}

/// A target without the page that it is about.
fn kind(target: &str) -> String {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let path = match path.strip_prefix("/wiki/") {
        Some(name) if name.starts_with("Special:") => match path.rsplit_once('/') {
            Some(("/wiki", _)) | None => path.to_owned(),
            Some((special, _)) => format!("{special}/…"),
        },
        Some(_) => "/wiki/…".to_owned(),
        None => path.to_owned(),
    };
    let about = |parameter: &str| match parameter.split_once('=') {
        Some((name, value)) if value.starts_with("Special:") => format!("{name}={value}"),
        Some((name @ ("title" | "returnto" | "page"), _)) => format!("{name}=…"),
        _ => parameter.to_owned(),
    };
    if query.is_empty() {
        return path;
    }
    format!("{path}?{}", query.split('&').map(about).collect::<Vec<_>>().join("&"))
}
