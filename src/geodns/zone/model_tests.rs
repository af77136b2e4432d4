//! Random zones against a model that reads RFC 1034 §4.3.2 and RFC 4592 literally, from a list of records.
//! `TIDEGATE_SEED` repeats a run.

use std::path::Path;

use fastrand::Rng;

use super::*;

/// Labels from the left; relative to the zone.
type Labels = Vec<&'static str>;

#[derive(Clone, Debug)]
struct Line {
    owner: Labels,
    kind: Kind,
    target: Labels,
}

const LETTERS: [&str; 4] = ["a", "b", "c", "*"];

fn labels(random: &mut Rng, most: usize) -> Labels {
    (0..random.usize(..=most)).map(|_| LETTERS[random.usize(..4)]).collect()
}

fn name(labels: &Labels) -> Name {
    let text = labels.iter().map(|label| format!("{label}.")).collect::<String>() + "wiki.test.";
    Name::read(text.as_bytes(), &Name::root()).unwrap()
}

fn line(random: &mut Rng) -> Line {
    let kinds = [Kind::A, Kind::A, Kind::TXT, Kind::CNAME, Kind::NS];
    let kind = kinds[random.usize(..kinds.len())];
    Line { owner: labels(random, 4), kind, target: labels(random, 3) }
}

fn text(line: &Line) -> String {
    let data = match line.kind {
        Kind::A => "192.0.2.1".into(),
        Kind::TXT => "x".into(),
        Kind::NS => "ns.other.".into(),
        _ => name(&line.target).to_string(),
    };
    format!("{} 60 {} {data}\n", name(&line.owner), line.kind)
}

/// Whether `name` is there, with records or since something lies below it.
fn exists(lines: &[Line], name: &[&str]) -> bool {
    lines.iter().any(|line| line.owner.ends_with(name))
}

fn has(lines: &[Line], name: &[&str], kind: Kind) -> bool {
    lines.iter().any(|line| line.owner == name && line.kind == kind)
}

fn model(lines: &[Line], question: &Labels, kind: Kind) -> String {
    let (mut at, mut said) = (question.clone(), String::new());
    loop {
        // From the apex down: the first delegation holds.
        let cut = (1..=at.len()).map(|count| &at[at.len() - count..]);
        let cut = cut.into_iter().find(|name| has(lines, name, Kind::NS));
        if let Some(cut) = cut.filter(|cut| !(kind == Kind::DS && cut.len() == at.len())) {
            return format!("{said}referral {}", name(&cut.to_vec()));
        }
        let source = if exists(lines, &at) {
            at.clone()
        } else {
            let closest = (0..at.len()).find(|skip| exists(lines, &at[skip + 1..]));
            let closest = closest.map_or(&[][..], |skip| &at[skip + 1..]);
            let star = [&["*"], closest].concat();
            if !exists(lines, &star) {
                return format!("{said}no name");
            }
            star
        };
        if has(lines, &source, kind) {
            return format!("{said}records");
        }
        let cname = lines.iter().find(|line| line.owner == source && line.kind == Kind::CNAME);
        let Some(cname) = cname else { return format!("{said}no data") };
        said.push_str(&format!("{} > ", name(&cname.target)));
        at.clone_from(&cname.target);
    }
}

fn found(zone: &Zone, question: &Labels, kind: Kind) -> String {
    let question = name(question).folded();
    let found = zone.look_up(question.wire(), kind);
    let target = |set: &Rrset| format!("{} > ", Name::from_wire(&set.data[0]).unwrap());
    let said: String = found.chain.iter().map(|(_, set)| target(set)).collect();
    let end = match found.end {
        End::Records(_) => "records".into(),
        End::Referral(node) => format!("referral {}", node.name),
        End::NoData => "no data".into(),
        End::NoName => "no name".into(),
        other => format!("{other:?}"),
    };
    said + &end
}

#[test]
fn random_zones_say_what_the_rfcs_say() {
    let seed = std::env::var("TIDEGATE_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("TIDEGATE_SEED={seed}");
    let mut random = Rng::with_seed(seed);
    let (mut whole, mut ends) = (0, HashMap::<String, usize>::new());
    let apex = |kind| Line { owner: Vec::new(), kind, target: Vec::new() };
    for _ in 0..4_000 {
        let count = random.usize(1..9);
        let mut lines: Vec<Line> = (0..count).map(|_| line(&mut random)).collect();
        let head = "@ 60 SOA a a 1 2 3 4 5\n@ 60 NS ns.other.\n";
        let file = head.to_owned() + &lines.iter().map(text).collect::<String>();
        let open = |_: &Path| Ok(file.clone().into_bytes());
        // What may not stand together is another test's.
        let zone = read(Path::new("z"), &name(&Vec::new()), &open, &|_| None);
        let Ok((zone, _)) = zone else { continue };
        lines.extend([Kind::SOA, Kind::NS].map(apex));
        whole += 1;
        for _ in 0..40 {
            let question = labels(&mut random, 5);
            let kinds = [Kind::A, Kind::TXT, Kind::CNAME, Kind::DS, Kind::MX];
            let kind = kinds[random.usize(..kinds.len())];
            let (ours, theirs) = (found(&zone, &question, kind), model(&lines, &question, kind));
            assert_eq!(ours, theirs, "{question:?} {kind} in\n{file}");
            let end = ours.rsplit(" > ").next().unwrap_or_default();
            *ends.entry(end.split(" w").next().unwrap_or_default().into()).or_default() += 1;
        }
    }
    println!("{whole} zones, {ends:?}");
    assert!(whole > 500 && ends.len() >= 4);
}
