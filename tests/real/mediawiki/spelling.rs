//! Checks of one page under many spellings: they share an object, and a purge of the one that
//! MediaWiki names reaches them all.

use super::Check;
use super::stage::{Page, Stage, Verdict, ensure, lines};
use super::visitor::Question;

pub const CHECKS: &[Check] = &[
    ("percent-encodings of a title share its page and its purge", encodings),
    ("an empty query and tracking parameters share the page and its purge", parameters),
    ("index.php with nothing but a title shares the page and its purge", folded),
    ("spellings of the host share the page and its purge", hosts),
    ("parameters in any order share a history and its purge", histories),
    ("a spelling that comes first is stored as the page", odd_first),
];

/// Whether all of `others` hit what was stored for `first`, before and after it changed by `change`,
/// which leaves `text` in them.
fn share(
    stage: &Stage<'_>,
    first: &Question,
    others: &[Question],
    text: &str,
    change: &dyn Fn() -> Verdict,
) -> Verdict {
    stage.warm([first]);
    stage.hits([first])?;
    stage.hits(others)?;
    change()?;
    let (answers, seen) = stage.wiki.asked(|| {
        let all = others.iter().chain([first]);
        all.map(|question| (question, stage.reader().ask(question))).collect::<Vec<_>>()
    });
    for (question, answer) in &answers {
        ensure(answer.text().contains(text), || format!("{question} is stale: {}", answer.head))?;
    }
    ensure(seen.len() == 1, || format!("{} requests for one page: {}", seen.len(), lines(&seen)))
}

/// As [`share`], for spellings of a page's address and an edit of it.
fn share_page(stage: &Stage<'_>, page: &Page, targets: &[String]) -> Verdict {
    let others: Vec<Question> =
        targets.iter().map(|target| Question::of("alpha", target)).collect();
    share(stage, &page.view(), &others, "It is changed.", &|| stage.edit(page, "It is changed."))
}

fn encodings(stage: &Stage<'_>) -> Verdict {
    let page = stage.page("Harbour (town), a: b", "A town.");
    let name = &page.name;
    let targets = [
        ("_", "%5F"),
        ("_", "%5f"),
        ("(town)", "%28town%29"),
        ("Harbour", "%48arbou%72"),
        (",", "%2C"),
        (":", "%3a"),
    ]
    .map(|(plain, coded)| format!("/wiki/{}", name.replace(plain, coded)));
    share_page(stage, &page, &targets)?;

    let page = stage.page("Čeština", "A language.");
    let plain = format!("/wiki/{}", page.title.replace(' ', "_"));
    share_page(stage, &page, &[format!("/wiki/{}", page.name.replace("%C4%8C", "%c4%8c")), plain])?;

    let page = stage.page("Tide/Low; ebb", "A tide.");
    let slash = page.name.replace('/', "%2F");
    share_page(
        stage,
        &page,
        &[format!("/wiki/{slash}"), format!("/wiki/{}", page.name.replace(';', "%3b"))],
    )?;

    // These stay encoded: decoded they would be something else.
    let page = stage.page("Who? AT&T 50%", "A question.");
    let lower = page.name.replace("%3F", "%3f");
    share_page(stage, &page, &[format!("/wiki/{lower}")])
}

fn parameters(stage: &Stage<'_>) -> Verdict {
    let page = stage.page("Tracked", "A page.");
    let queries = [
        "",
        "&",
        "utm_source=x",
        "utm_source=x&utm_medium=y&utm_campaign=z",
        "fbclid=1",
        "gclid=2&",
    ];
    share_page(stage, &page, &queries.map(|query| format!("/wiki/{}?{query}", page.name)))
}

fn folded(stage: &Stage<'_>) -> Verdict {
    let page = stage.page("Folded (page)", "A page.");
    let name = &page.name;
    let coded = name.replace('(', "%28").replace(')', "%29");
    let targets = [
        format!("title={name}"),
        format!("title={coded}"),
        format!("title={}", name.replace('_', "%20")),
        format!("title={}", name.replace('_', "+")),
        format!("utm_source=x&title={name}"),
        format!("title={name}&"),
    ];
    share_page(stage, &page, &targets.map(|query| format!("/w/index.php?{query}")))
}

fn hosts(stage: &Stage<'_>) -> Verdict {
    let page = stage.page("Hosted", "A page.");
    let names =
        ["ALPHA.Wiki.Test", "alpha.wiki.test:80", "alpha.wiki.test.", "Alpha.wiki.test.:80"];
    let mut others: Vec<Question> = names.map(|name| page.view().with("Host", name)).into();
    others.push(Question::of("alpha", &format!("http://alpha.wiki.test/wiki/{}", page.name)));
    let change = || stage.edit(&page, "It is changed.");
    share(stage, &page.view(), &others, "It is changed.", &change)
}

fn histories(stage: &Stage<'_>) -> Verdict {
    let page = stage.page("Ordered", "A page.");
    let name = &page.name;
    let targets = [
        format!("action=history&title={name}"),
        format!("title={name}&action=history&"),
        format!("utm_source=x&title={name}&action=history"),
    ];
    let others = targets.map(|query| Question::of("alpha", &format!("/w/index.php?{query}")));
    let change = || {
        let form =
            [("title", page.title.as_str()), ("text", "A page."), ("summary", "It is changed")];
        stage.change(&stage.reader(), "edit", "+\\", &[&form[..], &[("appendtext", "!")]].concat())
    };
    share(stage, &page.history(), &others, "It is changed", &change)
}

fn odd_first(stage: &Stage<'_>) -> Verdict {
    let page = stage.page("Odd (one)", "A page.");
    let odd = page.name.replace('(', "%28");
    stage.says(&Question::of("alpha", &format!("/wiki/{odd}?utm_source=x")), 200, 1)?;
    stage.hits([page.view()])?;
    stage.edit(&page, "It is changed.")?;
    stage.shows(
        &Question::of("alpha", &format!("/w/index.php?title={}", page.name)),
        "It is changed.",
        1,
    )?;
    stage.shows(&page.view(), "It is changed.", 0).map(drop)
}
