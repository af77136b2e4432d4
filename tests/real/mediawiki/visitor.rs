//! Somebody who uses the wikis through an edge: curl with a memory for cookies and an address of its
//! own.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use super::super::answer::{Answer, curl};
use super::super::process::Scratch;
use super::wiki::PASSWORD;

/// How a visitor speaks to the edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// HTTP/1.1 over TCP.
    Plain,
    /// HTTP/1.1 over TLS.
    Tls,
    /// HTTP/2 over TLS.
    Http2,
}

/// A visitor.
pub struct Visitor {
    plain: SocketAddr,
    tls: SocketAddr,
    from: Ipv4Addr,
    jar: Option<(Scratch, PathBuf)>,
}

/// A request that is to be made.
#[derive(Clone)]
pub struct Question {
    wiki: String,
    target: String,
    way: Way,
    arguments: Vec<String>,
}

impl Question {
    /// A GET of `target` at a wiki.
    pub fn of(wiki: &str, target: &str) -> Self {
        let (wiki, target) = (wiki.to_owned(), target.to_owned());
        Self { wiki, target, way: Way::Plain, arguments: Vec::new() }
    }

    /// The same request in another way.
    pub fn over(mut self, way: Way) -> Self {
        self.way = way;
        self
    }

    /// With a field more; `Host` is replaced.
    pub fn with(self, name: &str, value: &str) -> Self {
        self.argued(&["-H", &format!("{name}: {value}")])
    }

    /// A HEAD instead.
    pub fn head(self) -> Self {
        self.argued(&["-I"])
    }

    /// A POST of a form.
    pub fn posting(mut self, form: &[(&str, &str)]) -> Self {
        for (name, value) in form {
            self = self.argued(&["--data-urlencode", &format!("{name}={value}")]);
        }
        self
    }

    /// A POST of a form as uploads have it: a value that begins with `@` names a file.
    pub fn uploading(mut self, form: &[(&str, &str)]) -> Self {
        for (name, value) in form {
            self = self.argued(&["-F", &format!("{name}={value}")]);
        }
        self
    }

    fn argued(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|&argument| argument.to_owned()));
        self
    }
}

impl std::fmt::Display for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.wiki.test {} ({:?}", self.wiki, self.target, self.way)?;
        self.arguments.iter().try_for_each(|argument| write!(f, " {argument}"))?;
        write!(f, ")")
    }
}

impl Visitor {
    /// Somebody at `from` who keeps no cookies.
    pub fn new(plain: SocketAddr, tls: SocketAddr, from: Ipv4Addr) -> Self {
        Self { plain, tls, from, jar: None }
    }

    /// The same, with cookies kept.
    pub fn with_cookies(mut self) -> Self {
        let folder = Scratch::new("cookies");
        let file = folder.path().join("jar");
        self.jar = Some((folder, file));
        self
    }

    /// Asks.
    pub fn ask(&self, question: &Question) -> Answer {
        let (scheme, version) = match question.way {
            Way::Plain => ("http", "--http1.1"),
            Way::Tls => ("https", "--http1.1"),
            Way::Http2 => ("https", "--http2"),
        };
        let mut curl = curl();
        curl.args(["--compressed", "--path-as-is", version, "--interface", &self.from.to_string()]);
        for (port, to) in [(80, self.plain), (443, self.tls)] {
            curl.args(["--connect-to", &format!(":{port}:{to}")]);
        }
        if let Some((_, jar)) = &self.jar {
            curl.arg("-b").arg(jar).arg("-c").arg(jar);
        }
        curl.args(["--request-target", &question.target]).args(&question.arguments);
        Answer::of(curl.arg(format!("{scheme}://{}.wiki.test/", question.wiki)))
    }

    /// Whether it keeps no cookies.
    pub fn is_anonymous(&self) -> bool {
        self.jar.is_none()
    }

    /// As [`ask`](Self::ask), for a plain GET.
    pub fn get(&self, wiki: &str, target: &str) -> Answer {
        self.ask(&Question::of(wiki, target))
    }

    /// Logs in by the form that a browser shows.
    ///
    /// # Errors
    /// What the wiki showed instead.
    pub fn log_in(&self, wiki: &str, name: &str) -> Result<(), String> {
        const FORM: &str = "/w/index.php?title=Special:UserLogin&returnto=Contents";
        let form = self.get(wiki, FORM);
        let token = hidden(&form.text(), "wpLoginToken")
            .ok_or_else(|| format!("no token in the login form: {}", form.head))?;
        let filled = Question::of(wiki, FORM).posting(&[
            ("wpName", name),
            ("wpPassword", PASSWORD),
            ("wpLoginToken", &token),
            ("wploginattempt", "Log in"),
            ("wpEditToken", "+\\"),
            ("authAction", "login"),
            ("title", "Special:UserLogin"),
            ("force", ""),
        ]);
        let answer = self.ask(&filled);
        let went = answer.field("location").unwrap_or_default();
        if answer.status == 302 && went.contains("Contents") {
            return Ok(());
        }
        Err(format!("{name} could not log in at {wiki}: {}", answer.head))
    }

    /// A token that lets who has it change the wiki.
    ///
    /// # Errors
    /// What the wiki said instead.
    pub fn token(&self, wiki: &str) -> Result<String, String> {
        let answer = self.get(wiki, "/w/api.php?action=query&meta=tokens&format=json");
        let json: serde_json::Value = serde_json::from_slice(&answer.body)
            .map_err(|error| format!("no JSON: {error}: {}", answer.head))?;
        let token = json["query"]["tokens"]["csrftoken"].as_str();
        token.map(str::to_owned).ok_or_else(|| format!("no token in {json}"))
    }
}

/// The value of a hidden field of a form.
pub fn hidden(html: &str, name: &str) -> Option<String> {
    let input = html.split("<input ").find(|input| input.contains(&format!("name=\"{name}\"")))?;
    let value = input.split("value=\"").nth(1)?.split('"').next()?;
    Some(value.replace("&#039;", "'").replace("&amp;", "&"))
}
