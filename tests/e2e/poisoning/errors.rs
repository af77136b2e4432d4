//! Errors that one client provokes and others would get: by fields that are too long or not to the
//! origin's liking, by methods that fields name, by paths that they name (known as CPDoS).

use super::{Manners, Stage, request};

/// Lines that make the origin fail, by a field that no site can know of.
fn unknown() -> Vec<String> {
    vec![
        format!("X-Long: {}\r\n", "a".repeat(9000)),
        format!("User-Agent: {}\r\n", "a".repeat(9000)),
        format!("Accept-Language: {}\r\n", "a".repeat(9000)),
        "X-Meta: \u{e9}vil\r\n".to_owned(),
        "Referer: http://wiki.test/\u{e9}\r\n".to_owned(),
        "X-Meta: a\x07b\r\n".to_owned(),
        "X-Meta: a\0b\r\n".to_owned(),
        "X-Meta: a\rb\r\n".to_owned(),
        "X-Meta: a\nb\r\n".to_owned(),
        "X Meta: a\r\n".to_owned(),
        format!("X-Many: a\r\n{}", "X-Many: b\r\n".repeat(200)),
        format!("X-Large: {}\r\n", "a".repeat(30_000)),
    ]
}

/// Lines that make it fail, by a field that it obeys.
const OBEYED: [&str; 8] = [
    "X-HTTP-Method-Override: POST\r\n",
    "X-HTTP-Method-Override: evil\r\n",
    "X_HTTP_Method_Override: DELETE\r\n",
    "X-HTTP-Method: PUT\r\n",
    "X-Method-Override: evil\r\n",
    "X-Original-URL: /nothing\r\n",
    "X-Rewrite-URL: /nothing\r\n",
    "X_Original_URL: /nothing\r\n",
];

#[track_caller]
fn play(stage: &Stage, lines: &[String]) {
    for (n, lines) in lines.iter().enumerate() {
        let name = lines.split(':').next().unwrap_or_default().replace(' ', "");
        let (path, trick) = (format!("/wiki/Page{n}/{name}"), &lines[..lines.len().min(60)]);
        stage.attack(&request(&path, lines));
        stage.expect_clean(&path, "evil", trick);
        // For a moment after an error everybody asks for themselves, and then no more.
        stage.proxy.advance(2);
        stage.expect_clean(&path, "evil", trick);
        stage.expect_stored(&path);
        // As a reload brings it.
        stage.attack(&request(&path, &format!("Cache-Control: no-cache\r\n{lines}")));
        stage.expect_clean(&path, "evil", trick);
    }
}

fn obeyed() -> Vec<String> {
    OBEYED.map(str::to_owned).to_vec()
}

#[test]
fn an_error_that_says_not_how_long_it_lasts_is_nobody_else_s() {
    for profile in ["plain", "mediawiki", "upload"] {
        let stage = Stage::set(profile, Manners::ForgetsAndErrs);
        play(&stage, &[unknown(), obeyed()].concat());
    }
}

#[test]
fn nor_is_it_where_the_site_gives_a_lifetime_to_what_has_none() {
    for profile in ["plain", "mediawiki", "upload"] {
        let lifetime = "default_ttl = '10m'\n heuristic_freshness = true";
        let stage = Stage::with(profile, Manners::ForgetsAndErrs, |setup| setup.site(lifetime));
        play(&stage, &unknown());
    }
}

#[test]
fn nor_is_one_in_a_wiki_that_the_origin_lets_everybody_have() {
    for profile in ["mediawiki", "upload"] {
        let stage = Stage::set(profile, Manners::Forgets);
        play(&stage, &[unknown(), obeyed()].concat());
    }
}

#[test]
fn in_a_plain_site_it_is_where_the_origin_says_what_it_looked_at() {
    let stage = Stage::set("plain", Manners::Varies);
    play(&stage, &obeyed());
}
