//! Checks of what anonymous readers get: pages, modules, pictures, and what is not to be stored.

use std::thread;

use super::super::answer::Answer;
use super::Check;
use super::editing::EBB;
use super::stage::{Page, Stage, Verdict, ensure, lines};
use super::visitor::{Question, Way};

pub const CHECKS: &[Check] = &[
    ("the wiki is asked once for a page, whatever its readers speak", one_request_for_all_readers),
    ("a crowd at a page that nobody read before is one request", a_crowd),
    ("cookies that say nothing about a session share the page", harmless_cookies),
    ("clients that say gzip in other words share the page", codings),
    ("readers are told to keep no page without asking", no_copies),
    ("a reader's reload does not reach the wiki", reloads),
    ("two wikis share nothing", two_wikis),
    ("redirects stay in their scheme", redirects),
    ("modules, the API's shared answers, pictures and skins are stored", modules_and_pictures),
    ("a picture is one object whatever its query and its cookies", one_picture),
    ("a picture's parts come out of the store", parts_of_a_picture),
    ("what MediaWiki calls private reaches it each time", private_pages),
];

fn one_request_for_all_readers(stage: &Stage<'_>) -> Verdict {
    let page = stage.page("One request", "for all");
    let page = page.view();
    let first = stage.shows_to(&stage.reader(), &page, "for all", 1)?;
    for way in [Way::Plain, Way::Tls, Way::Http2] {
        let question = page.clone().over(way);
        let hit = stage.shows_to(&stage.reader(), &question, "for all", 0)?;
        let version = if way == Way::Http2 { "HTTP/2" } else { "HTTP/1.1" };
        ensure(hit.version == version, || format!("{question} was answered in {}", hit.version))?;
        ensure(hit.body == first.body, || format!("{question}: another body than the first"))?;
    }
    stage.shows(&page.clone().head(), "", 0)?;
    let changed = first.field("last-modified").ok_or("no Last-Modified")?;
    let question = page.with("If-Modified-Since", changed);
    let unchanged = stage.shows_to(&stage.reader(), &question, "", 0)?;
    ensure(unchanged.status == 304, || format!("{question}: {}", unchanged.head))
}

fn a_crowd(stage: &Stage<'_>) -> Verdict {
    const READERS: usize = 20;
    let page = stage.page("Crowd", "For everybody.").view();
    let hold = stage.wiki.hold_pages();
    let (answers, seen) = stage.wiki.asked(|| {
        thread::scope(|scope| {
            let ask = |n: usize| {
                let ways = [Way::Plain, Way::Tls, Way::Http2];
                let (reader, question) = (stage.reader(), page.clone().over(ways[n % 3]));
                scope.spawn(move || reader.ask(&question))
            };
            let reading: Vec<_> = (0..READERS).map(ask).collect();
            hold.wait_for_a_page();
            drop(hold);
            let answers = reading.into_iter().map(|one| one.join().expect("curl runs"));
            answers.collect::<Vec<Answer>>()
        })
    });
    let read = answers.iter().filter(|answer| answer.text().contains("For everybody."));
    let (read, asked) = (read.count(), seen.len());
    ensure(read == READERS && asked == 1, || {
        format!("{read} of {READERS} read it, in {asked} requests: {}", lines(&seen))
    })
}

fn harmless_cookies(stage: &Stage<'_>) -> Verdict {
    let page = stage.page("Cookies", "Sweet.").view();
    stage.warm([&page]);
    for cookie in ["_ga=GA1.2.3", "alphaUserName=Alice; alphaUserID=2", "GeoIP=NL:Ams", "mwuser-x="]
    {
        stage.shows(&page.clone().with("Cookie", cookie), "Sweet.", 0)?;
    }
    let page = stage.page("Cookies first", "Sour.").view();
    stage.shows(&page.clone().with("Cookie", "alphaUserName=Alice"), "Sour.", 1)?;
    stage.shows(&page, "Sour.", 0).map(drop)
}

fn codings(stage: &Stage<'_>) -> Verdict {
    let page = stage.page("Codings", "Plain words.").view();
    stage.shows(&page.clone().with("Accept-Encoding", "gzip"), "Plain words.", 1)?;
    for coding in
        ["gzip, deflate", "deflate, gzip;q=1.0, *;q=0.5", "gzip, deflate, br, zstd", "GZIP"]
    {
        stage.shows(&page.clone().with("Accept-Encoding", coding), "Plain words.", 0)?;
    }
    for coding in ["gzip;q=0", "identity"] {
        let question = page.clone().with("Accept-Encoding", coding);
        let answer = stage.reader().ask(&question);
        ensure(answer.field("content-encoding").is_none(), || {
            format!("{question}: {}", answer.head)
        })?;
    }
    Ok(())
}

fn no_copies(stage: &Stage<'_>) -> Verdict {
    let page = stage.page("Kept by nobody", "Ask again.").view();
    for asked in [1, 0] {
        let answer = stage.shows(&page, "Ask again.", asked)?;
        let control = answer.field("cache-control").unwrap_or_default();
        let is_said = control.contains("max-age=0") && control.contains("must-revalidate");
        // A proxy of theirs would keep what no purge reaches.
        ensure(is_said && !control.contains("s-maxage=18000"), || {
            format!("{page}: {}", answer.head)
        })?;
    }
    Ok(())
}

fn reloads(stage: &Stage<'_>) -> Verdict {
    let page = stage.page("Reloaded", "Again and again.").view();
    stage.warm([&page]);
    for (name, value) in
        [("Cache-Control", "no-cache"), ("Cache-Control", "max-age=0"), ("Pragma", "no-cache")]
    {
        stage.shows(&page.clone().with(name, value), "Again and again.", 0)?;
    }
    Ok(())
}

fn redirects(stage: &Stage<'_>) -> Verdict {
    let target = Question::of("alpha", "/wiki/article_1");
    for way in [Way::Plain, Way::Http2, Way::Tls, Way::Plain] {
        let question = target.clone().over(way);
        let scheme = if way == Way::Plain { "http" } else { "https" };
        let answer = stage.reader().ask(&question);
        let expected = format!("{scheme}://alpha.wiki.test/wiki/Article_1");
        ensure(answer.status == 301 && answer.field("location") == Some(&expected), || {
            format!("{question}: not to {expected}: {}", answer.head)
        })?;
    }
    stage.says(&target, 301, 0)?;
    stage.says(&target.over(Way::Http2), 301, 0).map(drop)
}

fn two_wikis(stage: &Stage<'_>) -> Verdict {
    for (wiki, title) in
        [("alpha", "<title>Article 7 - Alpha"), ("beta", "<title>Article 7 - Beta")]
    {
        stage.shows(&Question::of(wiki, "/wiki/Article_7"), title, 1)?;
        stage.shows(&Question::of(wiki, "/wiki/Article_7"), title, 0)?;
    }
    Ok(())
}

fn modules_and_pictures(stage: &Stage<'_>) -> Verdict {
    for (host, target, text) in [
        ("alpha", "/w/load.php?lang=en&modules=startup&only=scripts&raw=1", "mw.loader"),
        ("alpha", "/w/load.php?lang=en&modules=skins.vector.styles&only=styles", "{"),
        (
            "alpha",
            "/w/api.php?action=query&meta=siteinfo&format=json&smaxage=60&maxage=30",
            "Alpha",
        ),
        ("alpha", "/w/resources/assets/poweredby_mediawiki_88x31.png", "PNG"),
        ("alpha", "/w/skins/Vector/skin.json", "Vector"),
        ("media", EBB, "PNG"),
    ] {
        let question = Question::of(host, target);
        stage.shows(&question, text, 1)?;
        stage.shows(&question, text, 0)?;
        // The API says that its answers vary by scheme.
        let asked = usize::from(target.contains("api.php"));
        stage.shows(&question.clone().over(Way::Http2), text, asked)?;
        stage.shows(&question.with("Cookie", "_ga=GA1.2.3"), text, 0)?;
    }
    Ok(())
}

fn one_picture(stage: &Stage<'_>) -> Verdict {
    let picture = Question::of("media", "/beta/a/a3/Ebb.png");
    stage.shows(&Question::of("media", "/beta/a/a3/%45bb.png?download"), "PNG", 1)?;
    stage.hits([
        picture.clone(),
        picture.clone().with("Cookie", "alpha_session=0; alphaToken=1"),
        Question::of("media", "/beta/a/a3/Ebb.png?123").over(Way::Http2),
        Question::of("media", "/beta/a%2Fa3/Ebb%2Epng"),
    ])?;
    stage.says(&picture.posting(&[("a", "b")]), 405, 0).map(drop)
}

fn parts_of_a_picture(stage: &Stage<'_>) -> Verdict {
    let picture = Question::of("media", "/alpha/f/f7/Flood.png");
    let whole = stage.shows_to(&stage.reader(), &picture, "PNG", 1)?;
    let question = picture.with("Range", "bytes=100-199");
    let part = stage.shows_to(&stage.reader(), &question, "", 0)?;
    ensure(part.status == 206 && part.body == whole.body[100..200], || {
        format!("{question}: {}", part.head)
    })
}

fn private_pages(stage: &Stage<'_>) -> Verdict {
    let page = Page::titled("Article 3");
    let mut questions: Vec<Question> = [
        "/wiki/Special:Version",
        "/wiki/Special:Random",
        "/wiki/Special:Search?search=tide",
        "/w/api.php?action=query&meta=siteinfo&format=json",
        "/wiki/Special:UserLogin",
    ]
    .map(|target| Question::of("alpha", target))
    .into();
    questions.extend([page.action("edit"), page.action("info")]);
    for question in &questions {
        for _ in 0..2 {
            let (answer, seen) = stage.wiki.asked(|| stage.reader().ask(question));
            let count = seen.len();
            ensure(count == 1, || {
                format!("{question}: {count} requests ({}): {}", lines(&seen), answer.head)
            })?;
        }
    }
    Ok(())
}
