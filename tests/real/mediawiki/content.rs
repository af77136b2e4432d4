//! What the wikis hold from the beginning: pages of all kinds that link to one another, a template
//! with its users, pictures, and titles that can be spelled in many ways.

use std::fmt::Write;

/// Files and the pictures of MediaWiki's that they are.
pub const PICTURES: [(&str, &str); 2] = [
    ("Ebb.png", "resources/assets/poweredby_mediawiki_132x47.png"),
    ("Flood.png", "resources/assets/wiki.png"),
];

/// Titles that browsers, bots and people spell in many ways.
pub const TITLES: [&str; 8] = [
    "Harbour (town)",
    "AT&T",
    "C++",
    "Who's there?",
    "Čeština",
    "Sea/Tides",
    "Semi;colon",
    "50% tide",
];

/// Pages that use the template.
pub const USERS: u32 = 5;

/// Plain articles, each with a link to the next.
const ARTICLES: u32 = 7;

/// A page that links to all others.
pub const CONTENTS: &str = "Contents";

/// All pages, as MediaWiki exports and imports them.
pub fn dump() -> String {
    let mut pages = Vec::new();
    let mut contents = String::from("Every page.\n");
    let mut add = |title: &str, text: String| {
        writeln!(contents, "* [[:{title}]]").expect("a String takes all");
        pages.push((title.to_owned(), text));
    };
    for title in TITLES {
        add(title, format!("About {title}. See [[{CONTENTS}]]. [[Category:Titles]]"));
    }
    add("Template:Level", "The level is ''low''.".to_owned());
    for n in 1..=USERS {
        add(&format!("Gauge {n}"), format!("Gauge {n}. {{{{Level}}}} [[Category:Gauges]]"));
    }
    for n in 1..=ARTICLES {
        let next = n % ARTICLES + 1;
        let text = "When the moon is high, the water is too. ".repeat(20 * n as usize);
        add(
            &format!("Article {n}"),
            format!("== Tides ==\n[[File:Ebb.png|60px]] {text}\n== More ==\n[[Article {next}]]"),
        );
    }
    add("Redirected", "#REDIRECT [[Article 1]]".to_owned());
    add("Talk:Article 1", "Is it? [[User:Alice|Alice]]".to_owned());
    add("Category:Gauges", "All gauges.".to_owned());
    add("Help:Reading", "Read. [[File:Flood.png]]".to_owned());
    pages.push((CONTENTS.to_owned(), contents));
    let mut xml = String::from(
        "<mediawiki xmlns=\"http://www.mediawiki.org/xml/export-0.11/\" version=\"0.11\" xml:lang=\"en\">",
    );
    for (title, text) in pages {
        let (title, text) = (escaped(&title), escaped(&text));
        writeln!(
            xml,
            "<page><title>{title}</title><revision><timestamp>2026-01-01T00:00:00Z</timestamp>\
             <contributor><username>Admin</username></contributor><model>wikitext</model>\
             <format>text/x-wiki</format><text>{text}</text></revision></page>"
        )
        .expect("a String takes all");
    }
    xml + "</mediawiki>\n"
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
