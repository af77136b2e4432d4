//! Where a check happens: the wikis, an edge in front of them, and what visitors do and see, in words
//! that the checks are written in. Whether the edge answered by itself is read off the wikis' own log
//! alone, so that it is judged alike whichever edge it is.

use std::borrow::Borrow;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::UNIX_EPOCH;

use tidegate::base::Clock;

use super::super::answer::Answer;
use super::super::wait::{SOON, until};
use super::visitor::{Question, Visitor};
use super::wiki::{Asked, Wiki};

/// What a check comes to: nothing, or what was seen instead.
pub type Verdict = Result<(), String>;

/// An edge.
pub trait Front {
    /// Its name in tables, one word.
    fn name(&self) -> &'static str;
    /// Where it speaks plain HTTP.
    fn plain(&self) -> SocketAddr;
    /// Where it speaks TLS.
    fn tls(&self) -> SocketAddr;
    /// Where it takes purges.
    fn purge(&self) -> SocketAddr;
    /// Whether it says that an answer is from its store.
    fn is_hit(&self, answer: &Answer) -> bool;
    /// Why it asked the wiki, as it says.
    fn reason(&self, answer: &Answer) -> String;
    /// Its configuration, as an operator writes it.
    fn configuration(&self) -> String;
    /// Whether nothing went wrong inside it.
    fn is_well(&self) -> Verdict;
}

/// Wikis behind an edge.
pub struct Stage<'a> {
    /// The wikis.
    pub wiki: &'a Wiki,
    /// The edge.
    pub front: &'a dyn Front,
}

/// A page of alpha's that a check has for itself.
pub struct Page {
    /// Its title, with spaces.
    pub title: String,
    /// Its title as addresses have it.
    pub name: String,
}

impl Page {
    /// The page of that title.
    pub fn titled(title: &str) -> Self {
        Self { title: title.to_owned(), name: spelled(title) }
    }

    /// What readers ask for.
    pub fn view(&self) -> Question {
        Question::of("alpha", &format!("/wiki/{}", self.name))
    }

    /// The list of its versions.
    pub fn history(&self) -> Question {
        self.action("history")
    }

    /// Something that is done with it.
    pub fn action(&self, action: &str) -> Question {
        Question::of("alpha", &format!("/w/index.php?title={}&action={action}", self.name))
    }
}

impl Stage<'_> {
    /// A reader at 127.0.0.1 without cookies.
    pub fn reader(&self) -> Visitor {
        self.visitor(Ipv4Addr::LOCALHOST)
    }

    /// Somebody at `from`.
    pub fn visitor(&self, from: Ipv4Addr) -> Visitor {
        Visitor::new(self.front.plain(), self.front.tls(), from)
    }

    /// A reader who asks the wikis themselves.
    pub fn past_the_edge(&self) -> Visitor {
        Visitor::new(self.wiki.address(), self.wiki.address(), Ipv4Addr::LOCALHOST)
    }

    /// Somebody who has logged in at alpha, through the edge.
    ///
    /// # Errors
    /// What came instead.
    pub fn user(&self, name: &str) -> Result<Visitor, String> {
        let visitor = self.reader().with_cookies();
        visitor.log_in("alpha", name)?;
        Ok(visitor)
    }

    /// A page that did not exist before, for one check at this edge.
    pub fn page(&self, title: &str, text: &str) -> Page {
        let page = self.missing(title);
        self.write_at_origin(&page, text);
        page
    }

    /// As [`page`](Self::page), and it does not exist yet.
    pub fn missing(&self, title: &str) -> Page {
        Page::titled(&format!("{title} of {}", self.front.name()))
    }

    /// Waits until what is changed now has another timestamp than what was changed before: MediaWiki's
    /// jobs leave pages alone which were touched in the second of the change that they follow.
    pub fn wait_for_the_next_second(&self) {
        let clock = Clock::system();
        let second = || clock.wall().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let now = second();
        until("the second is over", SOON, || second() != now);
    }

    /// Writes a page at the wiki itself; the edge is told by the wiki's purge.
    pub fn write_at_origin(&self, page: &Page, text: &str) {
        let (title, text) = (format!("title={}", page.title), format!("text={text}"));
        let form = ["--data-urlencode", &title, "--data-urlencode", &text, "--data-urlencode"];
        let arguments = [&form[..], &["token=+\\"]].concat();
        let answer = self.wiki.ask("alpha", &arguments, "/w/api.php?action=edit&format=json");
        assert!(answer.text().contains("\"Success\""), "{}: {}", page.title, answer.text());
    }

    /// Writes a page through the edge, as somebody without an account does.
    ///
    /// # Errors
    /// What came instead.
    pub fn edit(&self, page: &Page, text: &str) -> Verdict {
        self.change(&self.reader(), "edit", "+\\", &[("title", &page.title), ("text", text)])
    }

    /// Has `visitor` do something through the API and the edge.
    ///
    /// # Errors
    /// What came instead.
    pub fn change(
        &self,
        visitor: &Visitor,
        action: &str,
        token: &str,
        form: &[(&str, &str)],
    ) -> Verdict {
        let target = format!("/w/api.php?action={action}&format=json");
        let form = [form, &[("token", token)]].concat();
        let answer = visitor.ask(&Question::of("alpha", &target).posting(&form));
        let text = answer.text();
        if answer.status == 200
            && text.contains(&format!("{{\"{action}\":{{"))
            && !text.contains("\"error\"")
        {
            return Ok(());
        }
        Err(format!("{action} {form:?} came to {}: {text}", answer.status))
    }

    /// Has `visitor` upload a picture, named as a form does, under a name.
    ///
    /// # Errors
    /// What came instead.
    pub fn upload(&self, visitor: &Visitor, token: &str, name: &str, picture: &str) -> Verdict {
        let form =
            [("filename", name), ("file", picture), ("ignorewarnings", "1"), ("token", token)];
        let question = Question::of("alpha", "/w/api.php?action=upload&format=json");
        let answer = visitor.ask(&question.uploading(&form));
        ensure(answer.text().contains("\"Success\""), || {
            format!("{name}: {} {}", answer.head, answer.text())
        })
    }

    /// Whether an anonymous reader is shown `text`, and the wikis were asked so many times; what was
    /// shown.
    ///
    /// # Errors
    /// What came instead.
    pub fn shows(&self, question: &Question, text: &str, asked: usize) -> Result<Answer, String> {
        self.shows_to(&self.reader(), question, text, asked)
    }

    /// As [`shows`](Self::shows), for anybody.
    ///
    /// # Errors
    /// What came instead.
    pub fn shows_to(
        &self,
        visitor: &Visitor,
        question: &Question,
        text: &str,
        asked: usize,
    ) -> Result<Answer, String> {
        let (answer, seen) = self.wiki.asked(|| visitor.ask(question));
        let shown = answer.text();
        if shown.contains(text) {
            return counted(question, answer, &seen, asked);
        }
        let title = shown.split("<title>").nth(1).and_then(|rest| rest.split('<').next());
        let title = title.unwrap_or(&shown);
        Err(format!("{question}: no {text:?} in {title:?}, {}", told(&answer)))
    }

    /// Whether an anonymous reader gets this status, and the wikis were asked so many times; the answer.
    ///
    /// # Errors
    /// What came instead.
    pub fn says(&self, question: &Question, status: u16, asked: usize) -> Result<Answer, String> {
        let (answer, seen) = self.wiki.asked(|| self.reader().ask(question));
        if answer.status == status {
            return counted(question, answer, &seen, asked);
        }
        Err(format!("{question}: not {status} but {}", told(&answer)))
    }

    /// Reads each once, so that what can be stored is.
    pub fn warm<Q: Borrow<Question>>(&self, questions: impl IntoIterator<Item = Q>) {
        let reader = self.reader();
        for question in questions {
            reader.ask(question.borrow());
        }
    }

    /// Whether anonymous readers get all of these without the wikis being asked.
    ///
    /// # Errors
    /// What came instead.
    pub fn hits<Q: Borrow<Question>>(&self, questions: impl IntoIterator<Item = Q>) -> Verdict {
        questions.into_iter().try_for_each(|one| self.shows(one.borrow(), "", 0).map(drop))
    }
}

fn counted(
    question: &Question,
    answer: Answer,
    seen: &[Asked],
    asked: usize,
) -> Result<Answer, String> {
    if seen.len() == asked {
        return Ok(answer);
    }
    let (times, lines) = (seen.len(), lines(seen));
    let told = told(&answer);
    Err(format!("{question}: the wikis were asked {times} times, not {asked} ({lines}): {told}"))
}

fn told(answer: &Answer) -> String {
    let fields = ["cache-status", "x-cache", "age", "cache-control", "vary"];
    let fields =
        fields.iter().filter_map(|name| Some(format!("; {name}: {}", answer.field(name)?)));
    answer.status.to_string() + &fields.collect::<String>()
}

/// A title as MediaWiki writes it into addresses: `wfUrlencode`.
pub fn spelled(title: &str) -> String {
    let mut name = String::new();
    for byte in title.bytes() {
        match byte {
            b' ' => name.push('_'),
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => name.push(char::from(byte)),
            _ if b"-_.;@$!*(),/~:".contains(&byte) => name.push(char::from(byte)),
            _ => name += &format!("%{byte:02X}"),
        }
    }
    name
}

/// What reached the wikis, for complaints.
pub fn lines(asked: &[Asked]) -> String {
    let lines: Vec<&str> = asked.iter().map(|one| one.line.as_str()).collect();
    lines.join("; ")
}

/// Nothing where `holds`, or what is wrong.
///
/// # Errors
/// The complaint.
pub fn ensure(holds: bool, complaint: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(complaint()) }
}
