//! What a wiki, its media and a site that nobody knows anything about are asked for, and in which
//! spelling it is looked up, purged and fetched.

use super::*;

fn mediawiki() -> Spelling {
    Spelling {
        path: PathEncoding::MediaWiki,
        rest_paths: vec!["/api/rest_v1/".into(), "/w/rest.php/".into()],
        query: QueryPolicy::Sorted,
        drop_parameters: vec!["utm_*".into(), "fbclid".into(), "gclid".into()],
        article_path: Some("/wiki/".into()),
        index_path: "/w/index.php".into(),
    }
}

fn upload() -> Spelling {
    Spelling { path: PathEncoding::Upload, query: QueryPolicy::Dropped, ..as_sent() }
}

fn as_sent() -> Spelling {
    Spelling {
        path: PathEncoding::AsSent,
        rest_paths: Vec::new(),
        query: QueryPolicy::AsSent,
        drop_parameters: Vec::new(),
        article_path: None,
        index_path: "/w/index.php".into(),
    }
}

/// Each of `from` is spelled `to` by `policy`, and `to` stays what it is.
#[track_caller]
fn expect(policy: &Spelling, from: &[&str], to: &str, canonical: bool) {
    for target in from.iter().copied().chain([to]) {
        let spelled = respell(target, policy);
        assert_eq!((&*spelled.target, spelled.canonical), (to, canonical), "{target}");
    }
    let again = respell(to, policy).target;
    assert!(matches!(again, Cow::Borrowed(_)), "{to} is copied though it stays");
}

/// Each of `targets` stays what it is.
#[track_caller]
fn expect_kept(policy: &Spelling, targets: &[&str], canonical: bool) {
    targets.iter().for_each(|target| expect(policy, &[], target, canonical));
}

#[test]
fn as_sent_is_as_sent() {
    let targets = ["", "?", "/?", "/%7e//..;?b&&a", "/%zz", "/w/index.php?title=A", "/\u{e9}"];
    for target in targets {
        let spelled = respell(target, &as_sent());
        assert_eq!(spelled, Spelled { target: Cow::Borrowed(target), canonical: true });
    }
}

#[test]
fn a_page_has_one_spelling_however_its_title_is_encoded() {
    let pages: [(&str, &[&str]); 8] = [
        (
            "/wiki/Foo_(bar)",
            &["/wiki/Foo_%28bar%29", "/wik%69/Foo%5F(bar%29", "/wiki%2fFoo_%28bar)"],
        ),
        ("/wiki/Main_Page", &["/wiki/Main%5FPage", "/wiki/Main%5fPage?", "/wiki/Main_Page?&&"]),
        ("/wiki/A/B:C@D!E$F*G,H~I-J.K", &["/wiki/A%2FB%3AC%40D%21E%24F%2aG%2CH%7EI%2DJ%2EK"]),
        ("/wiki/%C3%89bb%C3%A9", &["/wiki/\u{c9}bb\u{e9}", "/wiki/%c3%89bb%c3%a9"]),
        ("/wiki/AT%26T", &["/wiki/AT&T"]),
        ("/wiki/C%2B%2B", &["/wiki/C++", "/wiki/C+%2b"]),
        ("/wiki/%22%27%3D%3B%5B%5D%5C%5E%60%7B%7C%7D", &["/wiki/\"'=;[]\\^`{|}"]),
        ("/wiki/What%3F", &["/wiki/What%3f"]),
    ];
    for (page, spellings) in pages {
        expect(&mediawiki(), spellings, page, true);
    }
}

#[test]
fn what_the_query_form_asks_for_is_the_page() {
    let pages: [(&str, &[&str]); 10] = [
        ("/wiki/Foo_(bar)", &["title=Foo_(bar)", "title=Foo_%28bar%29", "title=Foo+(bar)"]),
        ("/wiki/A_B", &["title=A B", "title=A%20B&", "&titl%65=A_B", "title=A+B&utm_source=x"]),
        ("/wiki/A/B:C@D!E$F*G,H~I-J.K", &["title=A%2fB:C%40D!E$F*G,H~I-J.K"]),
        ("/wiki/%C3%89bb%C3%A9", &["title=%c3%89bb%C3%a9", "title=\u{c9}bb\u{e9}"]),
        ("/wiki/AT%26T", &["title=AT%26T"]),
        ("/wiki/C%2B%2B", &["title=C%2B%2b"]),
        ("/wiki/A%3BB", &["title=A;B", "title=A%3bB"]),
        ("/wiki/What%3F", &["title=What?", "title=What%3F"]),
        ("/wiki/100%25", &["title=100%", "title=100%25"]),
        ("/wiki/x%3Dy", &["title=x=y", "title=x%3Dy"]),
    ];
    for (page, queries) in pages {
        let spellings: Vec<String> =
            queries.iter().map(|query| format!("/w/index.php?{query}")).collect();
        let spellings: Vec<&str> = spellings.iter().map(String::as_str).collect();
        expect(&mediawiki(), &spellings, page, true);
        expect(&mediawiki(), &[&spellings[0].replace("index", "%69ndex")], page, true);
    }
    // The first letter is MediaWiki's to raise, by a redirect.
    expect(&mediawiki(), &["/w/index.php?title=main_Page"], "/wiki/main_Page", true);
}

#[test]
fn a_title_that_is_in_doubt_is_not_folded() {
    let titles = [
        "",
        "%20A",
        "+A",
        "A+",
        "_A",
        "A_",
        "A++B",
        "A__B",
        "_",
        ":A",
        ".",
        "..",
        "./A",
        "../A",
        "A/..",
        "A/../B",
        "A%2F..%2FB",
        "A/./B",
        "A%00B",
        "A%0A",
        "A%7F",
        "A%23b",
        "A%3Cb%3E",
        "A%5Bb%5D",
        "A%7Cb",
        "%7B%7BA%7D%7D",
        "%FF",
        "%C3",
        "A%E9",
        "..%2F..%2Fapi.php",
    ];
    for title in titles {
        expect_kept(&mediawiki(), &[&format!("/w/index.php?title={title}")], false);
    }
    let long = format!("/w/index.php?title={}", "A".repeat(513));
    expect_kept(&mediawiki(), &[&long], false);
    expect(&mediawiki(), &[&long[..long.len() - 1]], &format!("/wiki/{}", "A".repeat(512)), true);
}

#[test]
fn where_more_is_asked_than_a_title_nothing_is_folded() {
    let kept = [
        "title",
        "title[]=A",
        "title%5B%5D=A",
        "title%00=A",
        "+title=A",
        "Title=A",
        "titl=A",
        "curid=5",
        "title=A&action=view",
        "title=A&action=edit",
        "title=A&oldid=5",
        "title=A&printable=yes",
        "title=A&title=B",
        "title=A&titl%65=B",
        "title=A&title[]=B",
        "title=A&redirect=no",
        "A",
        "=A",
    ];
    for query in kept {
        expect_kept(&mediawiki(), &[&format!("/w/index.php?{query}")], false);
    }
    expect_kept(&mediawiki(), &["/w/index.php", "/w/index.php/A", "/w/index.php/A?x"], false);
    expect(&mediawiki(), &["/w/index.php?", "/w/index.php?&utm_a=b"], "/w/index.php", false);
    // Somebody else's.
    expect_kept(&mediawiki(), &["/x/index.php?title=A", "/w/index.phpx?title=A"], true);
}

#[test]
fn nothing_is_folded_into_a_path_where_scripts_lie_among_the_pages() {
    let root = |index: &str| Spelling {
        article_path: Some("/".into()),
        index_path: index.into(),
        ..mediawiki()
    };
    for title in ["A", "api.php", "w/load.php", "robots.txt"] {
        expect_kept(&root("/w/index.php"), &[&format!("/w/index.php?title={title}")], false);
        expect_kept(&root("/index.php"), &[&format!("/index.php?title={title}")], false);
    }
    expect_kept(&root("/w/index.php"), &["/w/load.php?a", "/w/x.css?a", "/api/rest_v1/x?a"], true);
    expect_kept(&root("/index.php"), &["/load.php?a", "/api.php?a", "/A", "/A/B"], true);
    expect_kept(&root("/index.php"), &["/A?a", "/?a"], false);
    expect_kept(&root("/w/index.php"), &["/A?a", "/w?a"], false);
}

#[test]
fn what_mediawiki_purges_is_canonical_and_other_views_of_a_page_are_not() {
    let index = |query: &str| format!("/w/index.php?{query}");
    for query in [
        "title=A&action=history",
        "title=Foo_(bar);x&action=history",
        "title=%C3%89bb%C3%A9&action=history",
        "title=MediaWiki:Common.js&action=raw&ctype=text/javascript",
        "title=MediaWiki:Common.css&action=raw&ctype=text/css",
        "title=MediaWiki:X.json&action=raw&ctype=application/json",
    ] {
        expect_kept(&mediawiki(), &[&index(query)], true);
    }
    for query in [
        "title=Foo_%28bar%29&action=history",
        "title=%c3%89bb%C3%A9&action=history",
        "title=A+B&action=history",
        "title=A%20B&action=history",
        "title=&action=history",
        "titl%65=A&action=history",
        "title=A&action=History",
        "title=A&action=history&limit=500",
        "title=A&action=raw",
        "title=A&action=raw&ctype=text%2Fcss",
    ] {
        expect_kept(&mediawiki(), &[&index(query)], false);
    }
    let history = index("title=A&action=history");
    expect(&mediawiki(), &["/w/index.php?action=history&&title=A&utm_x"], &history, true);
    expect_kept(
        &mediawiki(),
        &["/wiki/A?action=history", "/wiki/A?x", "/?title=A", "/w/?title=A", "/wiki?title=A"],
        false,
    );
    expect(&mediawiki(), &["/wiki/A?fbclid=1&utm_source=x"], "/wiki/A", true);
    // Of a site without an article path nothing is known.
    let bare = Spelling { article_path: None, ..mediawiki() };
    expect_kept(&bare, &["/w/index.php?title=A", "/w/index.php?title=A&x", "/?a", "/../b"], true);
    expect(&bare, &["/w/index.php?action=history&title=A"], &history, true);
}

#[test]
fn scripts_and_files_are_no_page_views() {
    let targets = [
        "/w/load.php?lang=en&modules=startup&only=scripts",
        "/w/api.php?action=query&titles=A",
        "/images/a/ab/Foo.jpg",
        "/images/a/ab/Foo.jpg?123ab",
        "/w/rest.php/v1/page/A%2FB/html?x",
        "/api/rest_v1/page/html/A%2FB",
        "/",
        "/w/",
        "/wiki",
    ];
    expect_kept(&mediawiki(), &targets, true);
}

#[test]
fn an_escaped_slash_of_a_rest_path_is_no_slash_and_others_are() {
    let page = "/api/rest_v1/page/html/A%2FB";
    expect(
        &mediawiki(),
        &["/api/rest%5Fv1/page/html/A%2fB", "/%61pi/rest_v1/page/h%74ml/A%2FB"],
        page,
        true,
    );
    expect(&mediawiki(), &["/w/rest.php/v1/A%2f(b)%3b"], "/w/rest.php/v1/A%2F(b)%3B", true);
    expect_kept(&mediawiki(), &["/api/rest_v1/a&b", "/api/rest_v1/a%26b"], true);
    // That slash is no part of the beginning.
    expect(&mediawiki(), &["/api/rest_v1%2Fa%2Fb"], "/api/rest_v1/a/b", true);
    expect(&mediawiki(), &["/w%2Fload.php?a"], "/w/load.php?a", true);
}

#[test]
fn dot_segments_stay_and_what_is_behind_them_is_not_kept_for_long() {
    let targets =
        ["/wiki/../w/index.php?title=A", "/wiki/a/..", "/./wiki/A", "/..", "/w/./load.php?a"];
    expect_kept(&mediawiki(), &targets, false);
    expect(
        &mediawiki(),
        &["/wiki/%2e%2E/b", "/wiki/..%2Fb", "/wiki%2f%2e./b"],
        "/wiki/../b",
        false,
    );
    expect_kept(&mediawiki(), &["/api/rest_v1/../a%2Fb"], false);
    expect_kept(&mediawiki(), &["/wiki/...", "/wiki/.a", "/wiki/a..", "/wiki/..a/.b."], true);
    expect_kept(&upload(), &["/a/../b", "/a/."], true);
    // A name that holds an escaped slash is one segment.
    expect_kept(&mediawiki(), &["/api/rest_v1/a%2F..%2Fb"], true);
}

#[test]
fn empty_segments_are_kept_but_for_uploads() {
    expect_kept(&mediawiki(), &["/wiki//A", "/wiki/A//B", "/wiki/A/"], true);
    expect_kept(&mediawiki(), &["//wiki/A", "/w//load.php?a", "//"], false);
    let media = ["//a//b///c", "/a%2F%2fb/%2fc", "///a/b/c"];
    expect(&upload(), &media, "/a/b/c", true);
}

#[test]
fn media_are_named_in_one_way_and_have_no_query() {
    let name = "/w/Foo_%28%C3%A9%29%3B%3A%40%21%24%26%27%2A%2B%2C%3D%5B%5D.jpg";
    let spellings = [
        "/w/Foo_(\u{e9});:@!$&'*+,=[].jpg",
        "/w/Foo%5f(%c3%a9)%3b%3a%40!%24%26'%2a%2b%2c%3d%5b%5d.j%70g?download&x=1",
        "/w%2FFoo_(\u{e9});:@!$&'*+,=[].jpg?",
    ];
    expect(&upload(), &spellings, name, true);
    expect(&upload(), &["/?a", "?a", ""], "/", true);
}

#[test]
fn a_site_that_nobody_knows_keeps_what_is_reserved() {
    let generic = Spelling { path: PathEncoding::Generic, ..as_sent() };
    let reserved = "/:[]@!$&'()*+,;=%3A%2F%3F%23%5B%5D%40%21%24%26%27%28%29%2A%2B%2C%3B%3D";
    expect_kept(&generic, &[reserved, "/a//b", "/a?b&&a=%7e"], true);
    expect(&generic, &["/%41%7e%5f%3a<"], "/A~_%3A%3C", true);
    expect(&generic, &["/%zz%4", "/%25zz%254"], "/%25zz%254", true);
}

#[test]
fn a_percent_sign_that_begins_no_escape_is_one() {
    for (from, to) in [
        ("/wiki/100%", "/wiki/100%25"),
        ("/wiki/%", "/wiki/%25"),
        ("/wiki/%4", "/wiki/%254"),
        ("/wiki/%%34%31", "/wiki/%2541"),
        ("/wiki/%g0%0g", "/wiki/%25g0%250g"),
        ("/wiki/%2541", "/wiki/%2541"),
        ("/wiki/%252F", "/wiki/%252F"),
        ("/wiki/%u0041", "/wiki/%25u0041"),
        ("/wiki/%00%0d%0A%7f", "/wiki/%00%0D%0A%7F"),
    ] {
        expect(&mediawiki(), &[from], to, true);
    }
}

#[test]
fn a_target_that_would_become_longer_than_a_uri_stays_as_it_came() {
    for rest in ["{".repeat(30_000), "a{".repeat(30_000), "\u{e9}".repeat(20_000)] {
        let target = format!("/wiki/{rest}");
        expect_kept(&mediawiki(), &[&target], false);
        expect_kept(&mediawiki(), &[&format!("/w/index.php?title={rest}")], false);
    }
    let most = format!("/wiki/{}", "%7B".repeat((MAX_TARGET - 6) / 3));
    let one = most.replacen("%7B", "{", 1);
    expect(&mediawiki(), &[&one], &most, true);
    expect_kept(&mediawiki(), &[&format!("{one}a{{")], false);
}

#[test]
fn a_target_without_a_path_is_for_the_root() {
    expect(&mediawiki(), &["?utm_a=b", ""], "/", true);
    expect(&mediawiki(), &["?b=1&a=2"], "/?a=2&b=1", false);
}

#[test]
fn a_path_that_stays_is_not_copied_though_its_query_goes() {
    for target in ["/wiki/Tide?", "/wiki/Tide?utm_source=x", "/wiki/%C3%A9?&"] {
        assert!(matches!(respell(target, &mediawiki()).target, Cow::Borrowed(_)), "{target}");
    }
}
