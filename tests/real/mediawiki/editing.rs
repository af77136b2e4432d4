//! Checks of what editors do: what they change is new at once for every reader, and nothing else is
//! asked of the wiki again.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::super::answer::Answer;
use super::super::process::Scratch;
use super::super::wait::{SOON, until};
use super::Check;
use super::content::USERS;
use super::stage::{Page, Stage, Verdict, ensure};
use super::visitor::{Question, Way};

pub const CHECKS: &[Check] = &[
    ("an edit shows at once, and nothing else is asked for again", an_edit),
    ("an edit shows at once in every coding and over every protocol", an_edit_of_variants),
    ("a page of a megabyte is saved, shown and stored", a_large_page),
    ("a page shows at once when it is created, and its red links after their jobs", a_creation),
    ("a page is gone at once when it is deleted, and back when it is restored", a_deletion),
    ("a move shows at once under both titles", a_move),
    ("a picture's new version shows at once, in pages after their jobs", a_new_version),
    ("a picture is gone at once when it is deleted, and its thumbnails with it", a_deleted_picture),
    (
        "a template's users show its edit after their jobs, and others still come from the store",
        a_template,
    ),
    ("a page that was being made while it was edited is not kept", an_edit_that_overtakes),
    ("who reads after an edit sees it, however often a page is edited and read", edits_and_readers),
    ("a page that is purged by hand comes from the wiki once", a_purge_by_hand),
    ("a purge that comes a second time does what the first did", a_rebound),
    ("an edit shows soon where purges come over HTCP alone", an_edit_over_htcp),
];

/// Things that have nothing to do with what changes.
fn bystanders() -> [Question; 3] {
    [("alpha", "/wiki/Article_1"), ("alpha", "/wiki/Article_2"), ("media", EBB)]
        .map(|(host, target)| Question::of(host, target))
}

/// A picture, at the media host.
pub const EBB: &str = "/alpha/a/a3/Ebb.png";

fn an_edit(stage: &Stage<'_>) -> Verdict {
    let page = stage.page("Edited", "The water is low.");
    stage.warm(bystanders());
    stage.warm([page.view(), page.history()]);
    stage.hits([page.view(), page.history()])?;
    stage.edit(&page, "The water is high.")?;
    stage.shows(&page.view(), "The water is high.", 1)?;
    stage.shows(&page.history(), "", 1)?;
    stage.hits([page.view(), page.history()])?;
    stage.hits(bystanders())
}

fn an_edit_of_variants(stage: &Stage<'_>) -> Verdict {
    let page = stage.page("Varied", "One form.");
    let codings = ["gzip", "identity", "gzip;q=0", "br"];
    let ways = [Way::Plain, Way::Tls, Way::Http2];
    let variants: Vec<Question> = codings
        .iter()
        .flat_map(|coding| ways.map(|way| page.view().over(way).with("Accept-Encoding", coding)))
        .collect();
    stage.warm(&variants);
    stage.hits(&variants)?;
    stage.edit(&page, "Another form.")?;
    for variant in &variants {
        let answer = stage.reader().ask(variant);
        ensure(answer.text().contains("Another form."), || format!("{variant}: {}", answer.head))?;
    }
    stage.hits(&variants)
}

fn a_large_page(stage: &Stage<'_>) -> Verdict {
    let page = stage.missing("Large");
    let folder = Scratch::new("large");
    let file = folder.path().join("text");
    let text = format!("<pre>{}</pre>The end.", "All the water of the sea. ".repeat(40_000));
    fs::write(&file, text).expect("the folder is ours");
    let edit = Question::of("alpha", "/w/api.php?action=edit&format=json").uploading(&[
        ("title", &page.title),
        ("text", &format!("<{}", file.display())),
        ("token", "+\\"),
    ]);
    let answer = stage.reader().ask(&edit);
    ensure(answer.text().contains("\"Success\""), || format!("{} {}", answer.head, answer.text()))?;
    let whole = stage.shows(&page.view(), "The end.", 1)?;
    ensure(whole.body.len() > 1_000_000, || format!("{} bytes", whole.body.len()))?;
    let hit = stage.shows(&page.view().over(Way::Http2), "The end.", 0)?;
    ensure(hit.body == whole.body, || "another body from the store".to_owned())
}

fn a_creation(stage: &Stage<'_>) -> Verdict {
    let page = stage.missing("Created");
    let linking = stage.page("Linking", &format!("See [[{}]].", page.title));
    let red = format!("title=\"{} (page does not exist)\"", page.title);
    let blue = format!("title=\"{}\"", page.title);
    stage.warm(bystanders());
    stage.shows(&linking.view(), &red, 1)?;
    stage.says(&page.view(), 404, 1)?;
    stage.says(&page.view(), 404, 0)?;
    stage.wait_for_the_next_second();
    stage.edit(&page, "Here at last.")?;
    stage.shows(&page.view(), "Here at last.", 1)?;
    stage.shows(&page.view(), "Here at last.", 0)?;
    stage.wiki.run_jobs("alpha");
    stage.shows(&linking.view(), &blue, 1)?;
    stage.shows(&linking.view(), &blue, 0)?;
    stage.hits(bystanders())
}

fn a_deletion(stage: &Stage<'_>) -> Verdict {
    let page = stage.page("Deleted", "Here today.");
    let admin = stage.user("Admin")?;
    let token = admin.token("alpha")?;
    stage.warm(bystanders());
    stage.warm([page.view(), page.history()]);
    stage.hits([page.view(), page.history()])?;
    let form = [("title", page.title.as_str())];
    stage.change(&admin, "delete", &token, &form)?;
    stage.says(&page.view(), 404, 1)?;
    stage.says(&page.history(), 404, 1)?;
    stage.change(&admin, "undelete", &token, &form)?;
    stage.shows(&page.view(), "Here today.", 1)?;
    stage.says(&page.history(), 200, 1)?;
    stage.hits([page.view(), page.history()])?;
    stage.hits(bystanders())
}

fn a_move(stage: &Stage<'_>) -> Verdict {
    let (from, to) = (stage.page("Moved", "On the move."), stage.missing("Arrived"));
    let admin = stage.user("Admin")?;
    let token = admin.token("alpha")?;
    stage.warm(bystanders());
    stage.warm([from.view(), to.view()]);
    stage.says(&from.view(), 200, 0)?;
    stage.says(&to.view(), 404, 0)?;
    stage.change(&admin, "move", &token, &[("from", &from.title), ("to", &to.title)])?;
    stage.shows(&to.view(), "On the move.", 1)?;
    stage.shows(&from.view(), "Redirected from", 1)?;
    stage.hits([from.view(), to.view()])?;
    stage.hits(bystanders())
}

fn a_new_version(stage: &Stage<'_>) -> Verdict {
    let file = stage.missing("Picture");
    let (name, described) =
        (format!("{}.png", file.name), Page::titled(&format!("File:{}.png", file.title)));
    let page = stage.page("Illustrated", &format!("[[File:{name}|60px]]"));
    let admin = stage.user("Admin")?;
    let token = admin.token("alpha")?;
    let [first, second] = stage.wiki.two_pictures();
    stage.warm(bystanders());
    stage.warm([page.view(), described.view()]);
    let upload = |picture: &str| stage.upload(&admin, &token, &name, picture);
    let picture = |answer: &Answer| answer.body.clone();
    stage.wait_for_the_next_second();
    upload(&first)?;
    stage.says(&described.view(), 200, 1)?;
    stage.wiki.run_jobs("alpha");
    let [whole, small] = stage.wiki.addresses_of(&described.title);
    let (whole, small) = (Question::of("media", &whole), Question::of("media", &small));
    stage.shows(&page.view(), "60px-", 1)?;
    let before = [stage.says(&whole, 200, 1)?, stage.says(&small, 200, 1)?].map(|it| picture(&it));
    stage.hits([whole.clone(), small.clone(), described.view(), page.view()])?;
    stage.wait_for_the_next_second();
    upload(&second)?;
    let new = stage.says(&whole, 200, 1)?;
    ensure(picture(&new) != before[0], || format!("{whole} shows its first version"))?;
    stage.says(&described.view(), 200, 1)?;
    stage.wiki.run_jobs("alpha");
    stage.shows(&page.view(), "60px-", 1)?;
    let new = stage.says(&small, 200, 1)?;
    ensure(picture(&new) != before[1], || format!("{small} shows its first version"))?;
    stage.hits([whole, small, described.view(), page.view()])?;
    stage.hits(bystanders())
}

fn a_deleted_picture(stage: &Stage<'_>) -> Verdict {
    let file = stage.missing("Lost picture");
    let name = format!("{}.png", file.name);
    let described = Page::titled(&format!("File:{}.png", file.title));
    let admin = stage.user("Admin")?;
    let token = admin.token("alpha")?;
    stage.upload(&admin, &token, &name, &stage.wiki.two_pictures()[0])?;
    let [whole, small] = stage.wiki.addresses_of(&described.title);
    let (whole, small) = (Question::of("media", &whole), Question::of("media", &small));
    stage.warm([&whole, &small, &described.view()]);
    stage.hits([&whole, &small, &described.view()])?;
    stage.change(&admin, "delete", &token, &[("title", &described.title)])?;
    // MediaWiki may show the page for a moment more, from a cache of its own.
    until("the wiki has forgotten the file", SOON, || {
        let answer = stage.past_the_edge().ask(&described.view());
        answer.status == 404
    });
    stage.says(&whole, 404, 1)?;
    stage.says(&small, 404, 1)?;
    stage.says(&described.view(), 404, 1).map(drop)
}

fn a_template(stage: &Stage<'_>) -> Verdict {
    let template = Page::titled("Template:Level");
    let users: Vec<Page> = (1..=USERS).map(|n| Page::titled(&format!("Gauge {n}"))).collect();
    let views: Vec<Question> = users.iter().map(Page::view).collect();
    let histories: Vec<Question> = users.iter().map(Page::history).collect();
    stage.warm(bystanders());
    for questions in [&views, &histories] {
        stage.warm(questions);
        stage.hits(questions)?;
    }
    stage.warm([template.view()]);
    let level = format!("The level is that of {}.", stage.front.name());
    stage.wait_for_the_next_second();
    stage.edit(&template, &level)?;
    stage.shows(&template.view(), &level, 1)?;
    stage.wiki.run_jobs("alpha");
    for view in &views {
        stage.shows(view, &level, 1)?;
    }
    for questions in [&views, &histories] {
        stage.hits(questions)?;
    }
    stage.hits(bystanders())
}

fn an_edit_that_overtakes(stage: &Stage<'_>) -> Verdict {
    let page = stage.page("Overtaken", "Before the edit.");
    let hold = stage.wiki.hold_pages();
    thread::scope(|scope| {
        let (reader, view) = (stage.reader(), page.view());
        let slow = scope.spawn(move || reader.ask(&view));
        hold.wait_for_a_page();
        let edited = stage.edit(&page, "After the edit.");
        drop(hold);
        let slow = slow.join().expect("curl runs");
        edited?;
        ensure(slow.text().contains("Before the edit."), || {
            format!("it was not held: {}", slow.head)
        })
    })?;
    let after = stage.reader().ask(&page.view());
    ensure(after.text().contains("After the edit."), || format!("it is stale: {}", after.head))?;
    stage.warm([page.view()]);
    stage.shows(&page.view(), "After the edit.", 0).map(drop)
}

fn edits_and_readers(stage: &Stage<'_>) -> Verdict {
    const EDITS: usize = 15;
    let page = stage.page("Busy", "Version 0.");
    let done = AtomicBool::new(false);
    let version = |answer: &Answer| {
        let text = answer.text();
        let number = text.split("Version ").nth(1).and_then(|rest| rest.split('.').next());
        number.and_then(|number| number.parse::<usize>().ok())
    };
    thread::scope(|scope| {
        for way in [Way::Plain, Way::Tls, Way::Http2] {
            let (reader, view, done) = (stage.reader(), page.view().over(way), &done);
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    reader.ask(&view);
                }
            });
        }
        let edited = (1..=EDITS).try_for_each(|n| {
            stage.edit(&page, &format!("Version {n}."))?;
            let answer = stage.reader().ask(&page.view());
            ensure(version(&answer) == Some(n), || {
                format!("after edit {n}: {:?}, {}", version(&answer), answer.head)
            })
        });
        done.store(true, Ordering::Relaxed);
        edited
    })
}

fn a_purge_by_hand(stage: &Stage<'_>) -> Verdict {
    let page = stage.page("By hand", "Purge me.");
    stage.warm([page.view()]);
    stage.hits([page.view()])?;
    let purge = Question::of("alpha", "/w/api.php?action=purge&format=json");
    let answer = stage.reader().ask(&purge.posting(&[("titles", &page.title)]));
    ensure(answer.text().contains("\"purged\""), || answer.text())?;
    stage.shows(&page.view(), "Purge me.", 1)?;
    stage.hits([page.view()])
}

fn a_rebound(stage: &Stage<'_>) -> Verdict {
    let page = stage.page("Rebound", "Once.");
    stage.wiki.make_due("alpha", "cdnPurge");
    stage.wiki.run_jobs("alpha");
    stage.warm(bystanders());
    stage.warm([page.view(), page.history()]);
    stage.edit(&page, "Twice.")?;
    stage.shows(&page.view(), "Twice.", 1)?;
    stage.hits([page.view()])?;
    let due = stage.wiki.make_due("alpha", "cdnPurge");
    ensure(due > 0, || "MediaWiki made no job for a second purge".to_owned())?;
    stage.wiki.run_jobs("alpha");
    stage.shows(&page.view(), "Twice.", 1)?;
    stage.says(&page.history(), 200, 1)?;
    stage.hits([page.view(), page.history()])?;
    stage.hits(bystanders())
}

fn an_edit_over_htcp(stage: &Stage<'_>) -> Verdict {
    /// Nobody says when a datagram has been obeyed.
    const READS: usize = 100;
    let page = stage.page("Datagrams", "Over TCP.");
    stage.warm(bystanders());
    stage.warm([page.view()]);
    stage.hits([page.view()])?;
    stage.wiki.purges_go_to(None);
    stage.wiki.clears_go_to(Some(stage.front.purge()));
    let edited = stage.edit(&page, "Over UDP.");
    stage.wiki.clears_go_to(None);
    stage.wiki.purges_go_to(Some(stage.front.purge()));
    edited?;
    let reader = stage.reader();
    let is_new = |_| reader.ask(&page.view()).text().contains("Over UDP.");
    ensure((0..READS).any(is_new), || format!("it is old after {READS} reads"))?;
    stage.hits([page.view()])?;
    stage.hits(bystanders())
}
