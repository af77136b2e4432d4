//! Checks of who sees what: editors their own pages, readers the shared one, and no one anybody
//! else's.

use std::net::Ipv4Addr;
use std::thread;

use super::Check;
use super::stage::{Page, Stage, Verdict, ensure, lines};
use super::visitor::{Question, Visitor, Way, hidden};

pub const CHECKS: &[Check] = &[
    ("login, preferences, watchlist and edit forms are never stored", personal_pages),
    ("an editor reads pages of their own, and readers none of them", apart),
    ("readers and editors who come at once to a cold page stay apart", apart_at_once),
    ("editors share what does not depend on who they are", shared_by_editors),
    ("who logs out reads nothing personal any more", logging_out),
    ("a reader with a message on their talk page keeps no page from the others", new_messages),
    ("a token that has expired is no session, and spoils no page", an_old_token),
    ("an edit by the form shows at once", an_edit_by_the_form),
    ("an edit is credited to who made it, whatever X-Forwarded-For says", forged_address),
];

/// What a page says of who reads it.
fn read_by(name: &str) -> String {
    format!("\"wgUserName\":\"{name}\"")
}

const BY_NOBODY: &str = "\"wgUserName\":null";

fn personal_pages(stage: &Stage<'_>) -> Verdict {
    let alice = stage.user("Alice")?;
    let page = Page::titled("Article 5");
    let mut questions: Vec<Question> = [
        "/wiki/Special:Preferences",
        "/wiki/Special:Watchlist",
        "/wiki/Special:MyPage",
        "/w/index.php?title=Special:UserLogin&returnto=Contents",
        "/w/api.php?action=query&meta=userinfo&format=json",
    ]
    .map(|target| Question::of("alpha", target))
    .into();
    questions.extend([page.action("edit"), page.action("watch"), page.action("delete")]);
    for question in &questions {
        for visitor in [&alice, &stage.reader(), &alice, &stage.reader()] {
            let (answer, seen) = stage.wiki.asked(|| visitor.ask(question));
            ensure(seen.len() == 1, || {
                format!("{question}: {} requests ({}): {}", seen.len(), lines(&seen), answer.head)
            })?;
            let anonymous = visitor.is_anonymous();
            ensure(!(anonymous && answer.text().contains("Alice")), || {
                format!("{question}: a reader is taken for Alice: {}", answer.head)
            })?;
        }
    }
    Ok(())
}

fn apart(stage: &Stage<'_>) -> Verdict {
    let (alice, bob, reader) = (stage.user("Alice")?, stage.user("Bob")?, stage.reader());
    let (warm, cold) = (stage.page("Warm", "Public."), stage.page("Cold", "Public."));
    stage.shows_to(&reader, &warm.view(), BY_NOBODY, 1)?;
    for page in [&warm, &cold] {
        for way in [Way::Plain, Way::Http2] {
            let view = page.view().over(way);
            stage.shows_to(&alice, &view, &read_by("Alice"), 1)?;
            stage.shows_to(&bob, &view, &read_by("Bob"), 1)?;
            stage.shows_to(&alice, &view, &read_by("Alice"), 1)?;
            stage.reader().ask(&view);
            let shared = stage.shows_to(&reader, &view, BY_NOBODY, 0)?;
            ensure(shared.field("set-cookie").is_none(), || {
                format!("{view}: a cookie for everybody: {}", shared.head)
            })?;
        }
    }
    Ok(())
}

fn apart_at_once(stage: &Stage<'_>) -> Verdict {
    let names = ["Alice", "Bob", "Admin"];
    let mut visitors = Vec::new();
    for name in names {
        visitors.push((stage.user(name)?, read_by(name)));
        visitors.extend((0..3).map(|_| (stage.reader(), BY_NOBODY.to_owned())));
    }
    for n in 0..3 {
        let page = stage.page(&format!("Crowded {n}"), "Public.");
        let view = page.view();
        let ask = |(visitor, expected): &(Visitor, String)| -> Verdict {
            let answer = visitor.ask(&view);
            ensure(answer.text().contains(expected), || format!("no {expected}: {}", answer.head))
        };
        thread::scope(|scope| {
            let asking: Vec<_> =
                visitors.iter().map(|visitor| scope.spawn(move || ask(visitor))).collect();
            let mut verdicts = asking.into_iter().map(|one| one.join().expect("curl runs"));
            verdicts.try_for_each(|verdict| verdict)
        })?;
        stage.shows(&view, BY_NOBODY, 0)?;
    }
    Ok(())
}

fn shared_by_editors(stage: &Stage<'_>) -> Verdict {
    let alice = stage.user("Alice")?;
    for target in [
        "/w/load.php?lang=en&modules=skins.vector.styles&only=styles",
        "/w/resources/assets/poweredby_mediawiki_176x62.png",
    ] {
        let question = Question::of("alpha", target);
        stage.warm([&question]);
        stage.shows_to(&alice, &question, "", 0)?;
    }
    let first = Question::of("alpha", "/w/resources/assets/licenses/cc-by.png");
    stage.shows_to(&alice, &first, "", 1)?;
    stage.hits([first])
}

fn logging_out(stage: &Stage<'_>) -> Verdict {
    let bob = stage.user("Bob")?;
    let page = stage.page("Left", "Public.").view();
    stage.warm([&page]);
    stage.shows_to(&bob, &page, &read_by("Bob"), 1)?;
    let token = bob.token("alpha")?;
    let out = Question::of("alpha", "/w/api.php?action=logout&format=json");
    let answer = bob.ask(&out.posting(&[("token", &token)]));
    ensure(answer.status == 200, || format!("logout: {} {}", answer.head, answer.text()))?;
    // MediaWiki leaves a session behind that is nobody's: pages may come from the wiki.
    let answer = bob.ask(&page);
    ensure(answer.text().contains(BY_NOBODY), || {
        format!("{page}: not {BY_NOBODY}: {}", answer.head)
    })?;
    stage.shows(&page.with("Cookie", "alphaUserName=Bob; alphaLoggedOut=1"), BY_NOBODY, 0).map(drop)
}

fn new_messages(stage: &Stage<'_>) -> Verdict {
    let addressee = Ipv4Addr::new(127, 0, 0, 77);
    stage.edit(&Page::titled(&format!("User talk:{addressee}")), "You have been written to.")?;
    let page = stage.page("Read by many", "Public.").view();
    let told = stage.visitor(addressee).ask(&page);
    let banner = "class=\"usermessage\"";
    // MediaWiki recognises them by their address alone, and calls the page private. The next one may
    // be asked for alone as well.
    ensure(told.text().contains(banner), || format!("no banner: {}", told.head))?;
    stage.warm([&page, &page]);
    let shared = stage.shows(&page, "Public.", 0)?;
    ensure(!shared.text().contains(banner), || format!("a banner for all: {}", shared.head))
}

fn an_old_token(stage: &Stage<'_>) -> Verdict {
    let page = stage.page("Old token", "Public.").view();
    let cookie = "alphaUserID=2; alphaUserName=Alice; alphaToken=0123456789abcdef0123456789abcdef";
    let question = page.clone().with("Cookie", cookie);
    stage.shows(&question, BY_NOBODY, 1)?;
    stage.shows(&page, BY_NOBODY, 1)?;
    stage.shows(&page, BY_NOBODY, 0)?;
    stage.shows(&question, BY_NOBODY, 1).map(drop)
}

fn an_edit_by_the_form(stage: &Stage<'_>) -> Verdict {
    let alice = stage.user("Alice")?;
    let page = stage.page("Formed", "Before.");
    stage.warm([page.view()]);
    let form = alice.ask(&page.action("edit")).text();
    let names = [
        "wpUnicodeCheck",
        "wpEditToken",
        "wpStarttime",
        "wpEdittime",
        "editRevId",
        "wpAutoSummary",
    ];
    let mut fields = vec![("wpTextbox1", "After.".to_owned()), ("wpSave", "Save".to_owned())];
    for name in names {
        let value = hidden(&form, name).ok_or_else(|| format!("no {name} in the form"))?;
        fields.push((name, value));
    }
    fields.push(("wpUltimateParam", "1".to_owned()));
    let fields: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let saved = alice.ask(&page.action("submit").posting(&fields));
    ensure(saved.status == 302, || format!("saving: {}", saved.head))?;
    stage.shows(&page.view(), "After.", 1)?;
    stage.shows_to(&alice, &page.view(), "After.", 1)?;
    stage.hits([page.view()])
}

fn forged_address(stage: &Stage<'_>) -> Verdict {
    for (n, way) in [(9, Way::Plain), (10, Way::Tls), (11, Way::Http2)] {
        let page = stage.missing(&format!("Signed {n}"));
        let from = Ipv4Addr::new(127, 0, 0, n);
        let mut edit = Question::of("alpha", "/w/api.php?action=edit&format=json")
            .over(way)
            .posting(&[("title", &page.title), ("text", "Signed."), ("token", "+\\")]);
        for name in ["X-Forwarded-For", "X-Client-IP", "X-Real-IP", "Client-IP", "True-Client-IP"] {
            edit = edit.with(name, "203.0.113.7");
        }
        edit = edit.with("X-Forwarded-For", "203.0.113.8, 127.0.0.1");
        edit = edit.with("Forwarded", "for=203.0.113.7");
        let answer = stage.visitor(from).ask(&edit);
        ensure(answer.text().contains("\"Success\""), || {
            format!("{}: {}", answer.head, answer.text())
        })?;
        let query = "/w/api.php?action=query&prop=revisions&rvprop=user&format=json";
        let titles = format!("titles={}", page.title);
        let told = stage.wiki.ask("alpha", &["--data-urlencode", &titles], query).text();
        ensure(told.contains(&format!("\"user\":\"{from}\"")), || {
            format!("{edit}: not {from}: {told}")
        })?;
    }
    Ok(())
}
