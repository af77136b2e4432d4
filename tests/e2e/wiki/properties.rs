//! Computed properties: what they are computed from decides which variant a request gets, and no
//! client chooses one by its name.

use crate::kit::setup::Setup;
use crate::kit::{Origin, Page, Proxy, get};

/// A site whose pages differ for phones.
fn by_device(origin: &Origin) -> Setup {
    Proxy::new(origin).config(
        "[site.wiki.property.X-Device-Class]\nof = 'field:User-Agent'\ndefault = 'desktop'\n\
         values = [{ match = 'Mobile|Android', is = 'phone' }, { match = 'Bot', is = 'bot' }]\n\
         [site.wiki.property.X-Subdomain]\nof = 'host'\nvalues = [{ match = '^m\\.', is = 'M' }]\n\
         [site.wiki.property.X-Theme]\nof = 'cookie:theme'\n\
         values = [{ match = '^dark$', is = 'dark' }]\n",
    )
}

/// Answers what it was told of the property, and varies on it.
fn telling(origin: &Origin, path: &str, name: &'static str) {
    origin.on(path, move |seen| {
        Page::cacheable(seen.header(name).unwrap_or("none")).header("vary", name)
    });
}

#[test]
fn a_property_selects_the_variant_and_the_origin_sees_it() {
    let origin = Origin::start();
    telling(&origin, "/page", "x-device-class");
    let proxy = by_device(&origin).start();
    for (agent, class) in [
        ("Mozilla/5.0 (Android 15; Mobile)", "phone"),
        ("Mozilla/5.0 (iPhone) Mobile/15E148", "phone"),
        ("Mozilla/5.0 (X11; Linux)", "desktop"),
        ("Mozilla/5.0 (Windows)", "desktop"),
        ("SomeBot/1.0", "bot"),
    ] {
        let seen = proxy.http1().send(get("/page").header("user-agent", agent)).expect(200);
        assert_eq!(seen.text(), class, "{agent}");
    }
    assert_eq!(proxy.http1().get("/page").expect(200).text(), "desktop");
    assert_eq!(origin.count("/page"), 3);
}

#[test]
fn a_client_s_own_field_of_that_name_is_nothing() {
    let origin = Origin::start();
    for (path, name) in [("/class", "x-device-class"), ("/sub", "x-subdomain")] {
        telling(&origin, path, name);
    }
    let proxy = by_device(&origin).start();
    let forged = get("/class").header("x-device-class", "evil");
    assert_eq!(proxy.http1().send(forged).expect(200).text(), "desktop");
    let forged = get("/sub").header("x-subdomain", "M");
    assert_eq!(proxy.http1().send(forged).expect(200).text(), "none");
    proxy.http1().get("/sub").expect(200).expect_hit();
}

#[test]
fn hosts_and_cookies_have_properties_too() {
    let origin = Origin::start();
    for (path, name) in [("/sub", "x-subdomain"), ("/theme", "x-theme")] {
        telling(&origin, path, name);
    }
    let proxy = by_device(&origin).site("cookies = 'by-session'").start();
    let mobile = proxy.http1().send(get("/sub").host("m.wiki.test")).expect(200);
    assert_eq!(mobile.text(), "M");
    for (cookie, theme) in [
        ("theme=dark", "dark"),
        ("a=b; theme=dark; c=d", "dark"),
        ("theme=darker", "none"),
        ("xtheme=dark", "none"),
        ("theme=; theme=dark", "none"),
    ] {
        let seen = proxy.http1().send(get("/theme").header("cookie", cookie)).expect(200);
        assert_eq!(seen.text(), theme, "{cookie}");
    }
    assert_eq!(origin.count("/theme"), 2);
    assert!(origin.requests().iter().all(|seen| seen.header("cookie").is_none()));
}
