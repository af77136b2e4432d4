//! What the wiki's pages look like: a frame, and a function for each kind of page. Every text
//! passes [`escape`] or [`render`] on its way in; here is no state and nothing is decided.

use std::time::SystemTime;

use httpdate::fmt_http_date;

use super::markup::{escape, render};
use super::pages::{MAX_TEXT, Page};
use super::title::Title;

/// A page to read.
pub(super) fn read(title: &Title, page: &Page, now: SystemTime) -> String {
    let nav = format!(
        "<nav><a href=\"{}\">Edit</a><a href=\"{}\">History</a></nav>\n",
        escape(&title.action("edit")),
        escape(&title.action("history"))
    );
    frame(&title.text(), &(render(&page.text) + &nav), now)
}

/// The page that stands where no page is.
pub(super) fn missing(title: &Title, now: SystemTime) -> String {
    let edit = escape(&title.action("edit"));
    let body = format!(
        "<p>There is no page of this name yet. <a href=\"{edit}\">Write it</a>, or go back to the \
         <a href=\"/wiki/Main_Page\">main page</a>.</p>\n"
    );
    frame(&title.text(), &body, now)
}

/// The form in which a page is edited.
pub(super) fn edit(title: &Title, text: &str, now: SystemTime) -> String {
    let body = format!(
        "<form method=\"post\" action=\"{action}\">\n\
         <textarea name=\"text\" rows=\"18\" maxlength=\"{MAX_TEXT}\" aria-label=\"Text\">\n{text}</textarea>\n\
         <p><input type=\"text\" name=\"summary\" maxlength=\"200\" placeholder=\"What you changed\" \
         aria-label=\"Summary\"></p>\n\
         <button>Save</button> <a href=\"{page}\">Cancel</a>\n</form>\n",
        action = escape(&title.action("submit")),
        text = escape(text),
        page = escape(&title.path()),
    );
    frame(&format!("Editing {}", title.text()), &body, now)
}

/// A page's history.
pub(super) fn history(title: &Title, page: &Page, now: SystemTime) -> String {
    let mut body = String::from("<table>\n<tr><th>Saved</th><th>Bytes</th><th>Summary</th></tr>\n");
    for revision in &page.history {
        body += &format!(
            "<tr><td>{}</td><td>{}</td><td>{}</td></tr>\n",
            fmt_http_date(revision.saved),
            revision.size,
            escape(&revision.summary)
        );
    }
    body += &format!("</table>\n<nav><a href=\"{}\">Back</a></nav>\n", escape(&title.path()));
    frame(&format!("History of {}", title.text()), &body, now)
}

/// A page that says no, and why.
pub(super) fn refusal(what: &str, why: &str, now: SystemTime) -> String {
    let back = "<p><a href=\"/wiki/Main_Page\">Main page</a></p>\n";
    frame(what, &format!("<p>{}</p>\n{back}", escape(why)), now)
}

/// A whole page around `body`. `now` is what shows a reader whether the cache answered.
fn frame(heading: &str, body: &str, now: SystemTime) -> String {
    let heading = escape(heading);
    let now = fmt_http_date(now);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{heading} – Tide Wiki</title>\n<link rel=\"stylesheet\" href=\"/w/skin.css\">\n\
         </head>\n<body>\n<header><strong>Tide Wiki</strong>\
         <a href=\"/wiki/Main_Page\">Main page</a><a href=\"/wiki/Tide\">Tide</a>\
         <a href=\"/wiki/Slow_tide\">Slow tide</a></header>\n\
         <main>\n<h1>{heading}</h1>\n{body}</main>\n\
         <footer>The wiki wrote this page on <time>{now}</time>. While that stands still, \
         the cache answers.</footer>\n</body>\n</html>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::demo::pages::Pages;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    #[test]
    fn what_a_visitor_wrote_is_text_on_every_kind_of_page() {
        let attack = "\"'></textarea></title><script>alert(1)</script>";
        let pages = Pages::first(NOW);
        let title = Title::parse("A \"quoted\" 'title' & more").unwrap();
        pages.save(title.clone(), attack.into(), attack, NOW).unwrap();
        let page = pages.get(&title).unwrap();
        let all = [
            read(&title, &page, NOW),
            missing(&title, NOW),
            edit(&title, attack, NOW),
            history(&title, &page, NOW),
            refusal("No", attack, NOW),
        ];
        for html in all {
            assert!(!html.contains("<script"), "{html}");
            assert!(!html.contains("\"quoted\""), "{html}");
            assert_eq!(html.matches("</title>").count(), 1, "{html}");
            assert!(html.matches("</textarea>").count() <= 1, "{html}");
        }
    }
}
