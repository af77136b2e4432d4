//! Two real wikis, alpha and beta, as Debian packages MediaWiki: PHP behind nginx, SQLite, and one
//! Redis for caches, sessions and jobs, all of them children of the test in a folder of its own.
//!
//! Alpha is installed and filled, and beta begins as its copy. What is asked of them is counted in
//! nginx's own log.

use std::cell::{Cell, RefCell};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::super::answer::{Answer, curl};
use super::super::process::{Process, Scratch, free_port, output};
use super::super::wait::{SOON, until};
use super::content;

/// The password of every user.
pub const PASSWORD: &str = "the-tide-comes-in";

/// Users besides Admin.
pub const READERS: [&str; 2] = ["Alice", "Bob"];

/// Freshness that MediaWiki gives to pages which it purges, unless a check wants less.
pub const MAX_AGE: u32 = 18_000;

/// Where Debian puts it.
const CODE: &str = "/usr/share/mediawiki";

/// Running wikis.
pub struct Wiki {
    servers: RefCell<Option<Servers>>,
    port: u16,
    marks: Cell<u32>,
    _redis: Process,
    folder: Scratch,
}

/// What an outage takes away.
struct Servers {
    _nginx: Process,
    php: Option<Process>,
}

/// Pages wait while it lives.
pub struct Hold {
    hold: PathBuf,
    held: PathBuf,
}

impl Hold {
    /// Waits until a page waits.
    pub fn wait_for_a_page(&self) {
        until("a page is held", SOON, || self.held.exists());
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.hold);
    }
}

/// A request that reached the wikis, as their log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The method.
    pub method: String,
    /// `alpha.wiki.test`.
    pub host: String,
    /// Path and query.
    pub target: String,
    /// The whole line.
    pub line: String,
}

impl Wiki {
    /// Installs, fills and starts both.
    pub fn start() -> Self {
        let folder = Scratch::new("mediawiki");
        let port = free_port();
        for inner in ["alpha/images", "beta", "cache", "import"] {
            fs::create_dir_all(folder.path().join(inner)).expect("the folder is ours");
        }
        for (name, text) in [
            ("LocalSettings.php", include_str!("LocalSettings.php")),
            ("nginx.conf", include_str!("nginx.conf")),
            ("fastcgi.conf", include_str!("fastcgi.conf")),
            ("php-fpm.conf", include_str!("php-fpm.conf")),
            ("redis.conf", include_str!("redis.conf")),
            ("report.php", include_str!("report.php")),
        ] {
            let text = text.replace("FOLDER", &folder.path().display().to_string());
            let text = text.replace("PORT", &port.to_string());
            fs::write(folder.path().join(name), text).expect("the folder is ours");
        }
        let mut redis = Command::new("redis-server");
        redis.arg(folder.path().join("redis.conf"));
        let redis = Process::start("redis", folder.path(), &mut redis);
        until("redis listens", SOON, || folder.path().join("redis.sock").exists());
        let wiki =
            Self { servers: RefCell::default(), port, marks: Cell::new(0), _redis: redis, folder };
        wiki.purges_go_to(None);
        wiki.clears_go_to(None);
        wiki.events_go_to(None);
        wiki.pages_stay_fresh_for(MAX_AGE);
        wiki.install();
        wiki.start_again();
        wiki
    }

    /// Where nginx listens.
    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// Whom MediaWiki sends CLRs of HTCP.
    pub fn clears_go_to(&self, edge: Option<SocketAddr>) {
        let edge = edge.map_or_else(String::new, |edge| edge.to_string());
        fs::write(self.folder.path().join("htcp"), edge).expect("the folder is ours");
    }

    /// Whom MediaWiki sends purges.
    pub fn purges_go_to(&self, edge: Option<SocketAddr>) {
        let edge = edge.map(|edge| edge.to_string()).unwrap_or_default();
        fs::write(self.folder.path().join("purge"), edge).expect("the folder is ours");
    }

    /// To which broker MediaWiki publishes purges.
    pub fn events_go_to(&self, broker: Option<SocketAddr>) {
        let broker = broker.map(|broker| broker.to_string()).unwrap_or_default();
        fs::write(self.folder.path().join("brokers"), broker).expect("the folder is ours");
    }

    /// `$wgCdnMaxAge`, in seconds.
    pub fn pages_stay_fresh_for(&self, seconds: u32) {
        let file = self.folder.path().join("max-age");
        fs::write(file, seconds.to_string()).expect("the folder is ours");
    }

    fn install(&self) {
        let folder = self.folder.path();
        let mut install = Command::new("php");
        install.arg(format!("{CODE}/maintenance/install.php")).args(["--dbtype", "sqlite"]);
        install.args(["--dbname", "alpha", "--scriptpath", "/w", "--pass", PASSWORD]);
        install.args(["--server", "http://alpha.wiki.test"]);
        install
            .arg("--dbpath")
            .arg(folder.join("alpha"))
            .arg("--confpath")
            .arg(folder.join("import"));
        finished("install.php", install.args(["Alpha", "Admin"]));
        for reader in READERS {
            self.maintain("alpha", "createAndPromote.php", &[reader, PASSWORD]);
        }
        let dump = folder.join("import/pages.xml");
        fs::write(&dump, content::dump()).expect("the folder is ours");
        for (name, picture) in content::PICTURES {
            let picture = Path::new(CODE).join(picture);
            fs::copy(picture, folder.join("import").join(name)).expect("MediaWiki has pictures");
        }
        let import = folder.join("import").display().to_string();
        self.maintain(
            "alpha",
            "importImages.php",
            &["--user", "Admin", "--extensions", "png", &import],
        );
        self.maintain("alpha", "importDump.php", &[&dump.display().to_string()]);
        self.run_jobs("alpha");
        fs::copy(folder.join("alpha/alpha.sqlite"), folder.join("beta/beta.sqlite"))
            .expect("a database at rest is a file");
        copy(&folder.join("alpha/images"), &folder.join("beta/images"));
    }

    /// Runs a maintenance script of a wiki's; what it said.
    pub fn maintain(&self, wiki: &str, script: &str, arguments: &[&str]) -> String {
        let mut php = Command::new("php");
        php.env("MW_CONFIG_FILE", self.folder.path().join("LocalSettings.php"))
            .env("MW_WIKI", wiki);
        php.arg(format!("{CODE}/maintenance/{script}")).args(arguments);
        finished(script, &mut php)
    }

    /// Runs all jobs of a wiki's that are due.
    pub fn run_jobs(&self, wiki: &str) {
        self.maintain(wiki, "runJobs.php", &[]);
    }

    /// Makes all jobs of a type due that wait for their time, as MediaWiki's job service does when that
    /// has come; how many there were.
    pub fn make_due(&self, wiki: &str, kind: &str) -> u32 {
        const DUE: &str = "local ids = redis.call('zrange', KEYS[1], 0, -1) \
            for _, id in ipairs(ids) do redis.call('lpush', KEYS[2], id) end \
            redis.call('del', KEYS[1]) return #ids";
        let queue = |name| format!("{wiki}:jobqueue:{kind}:{name}");
        let mut redis = Command::new("redis-cli");
        redis.arg("-s").arg(self.folder.path().join("redis.sock")).args(["EVAL", DUE, "2"]);
        let said = finished("redis-cli", redis.args([queue("z-delayed"), queue("l-unclaimed")]));
        said.trim().parse().unwrap_or_else(|_| panic!("redis-cli said {said}"))
    }

    /// Serves the page that has a browser open all of `pages`.
    pub fn serve_crawl(&self, pages: &[&str]) {
        let pages: Vec<String> = pages.iter().map(|page| format!("{page:?}")).collect();
        let html = include_str!("crawl.html").replace("/*PAGES*/", &pages.join(", "));
        fs::write(self.folder.path().join("crawl.html"), html).expect("the folder is ours");
    }

    /// What that page has reported, once.
    pub fn report(&self) -> Option<String> {
        let file = self.folder.path().join("report.json");
        let report = fs::read_to_string(&file).ok()?;
        fs::remove_file(file).expect("the folder is ours");
        Some(report)
    }

    /// Makes pages wait after they have been read from the database and before they are sent, until what
    /// comes back is dropped.
    pub fn hold_pages(&self) -> Hold {
        let [hold, held] = ["hold", "held"].map(|name| self.folder.path().join(name));
        let _ = fs::remove_file(&held);
        fs::write(&hold, "").expect("the folder is ours");
        Hold { hold, held }
    }

    /// Ends nginx and PHP; Redis and the database stay.
    pub fn stop(&self) {
        drop(self.servers.take());
    }

    /// Ends PHP alone: nginx answers 502.
    pub fn stop_php(&self) {
        self.servers.borrow_mut().as_mut().expect("they run").php = None;
    }

    /// Starts nginx and PHP where they were.
    pub fn start_again(&self) {
        self.stop();
        let folder = self.folder.path();
        let _ = fs::remove_file(folder.join("fpm.sock"));
        let mut php = Command::new(php_server());
        php.args(["--allow-to-run-as-root", "--nodaemonize", "--fpm-config"])
            .arg(folder.join("php-fpm.conf"));
        let mut php = Process::start("php-fpm", folder, &mut php).with_children();
        let mut nginx = Command::new(program("nginx"));
        nginx.arg("-p").arg(folder).arg("-c").arg(folder.join("nginx.conf")).args(["-e", "stderr"]);
        let mut nginx = Process::start("nginx", folder, &mut nginx);
        until("nginx and PHP take connections", SOON, || {
            assert!(nginx.runs(), "nginx ended:\n{}", nginx.last_words());
            assert!(php.runs(), "PHP ended:\n{}", php.last_words());
            folder.join("fpm.sock").exists() && TcpStream::connect(self.address()).is_ok()
        });
        self.servers.replace(Some(Servers { _nginx: nginx, php: Some(php) }));
    }

    /// What reaches the wikis while `act` runs.
    pub fn asked<T>(&self, act: impl FnOnce() -> T) -> (T, Vec<Asked>) {
        let before = self.mark();
        let did = act();
        let after = self.mark();
        let log = fs::read_to_string(self.folder.path().join("access.log")).expect("nginx logs");
        let lines = log.lines().skip_while(|line| !line.contains(&before)).skip(1);
        let lines = lines.take_while(|line| !line.contains(&after));
        (did, lines.filter(|line| !line.contains(" /mark/")).map(Asked::read).collect())
    }

    /// A line of its own in the log. nginx is one process and logs a request when it has sent the last of
    /// it, so that all which was answered before stands above.
    fn mark(&self) -> String {
        let mark = self.marks.get();
        self.marks.set(mark + 1);
        let path = format!("/mark/{mark:06}");
        let mut stream = TcpStream::connect(self.address()).expect("nginx listens");
        let request = format!("GET {path} HTTP/1.0\r\nHost: rig.wiki.test\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("nginx reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("nginx answers");
        assert!(answer.starts_with("HTTP/1.1 204 "), "nginx marks its log: {answer}");
        format!(" {path} ")
    }

    /// Asks a wiki itself, past any edge.
    pub fn ask(&self, wiki: &str, arguments: &[&str], target: &str) -> Answer {
        let mut curl = curl();
        curl.arg("-H").arg(format!("Host: {wiki}.wiki.test")).args(arguments);
        Answer::of(curl.arg(format!("http://{}{target}", self.address())))
    }

    /// Files with two pictures, as a form names them.
    pub fn two_pictures(&self) -> [String; 2] {
        content::PICTURES
            .map(|(name, _)| format!("@{}", self.folder.path().join("import").join(name).display()))
    }

    /// Where the media host has a file of alpha's: the whole, and 60 pixels of it.
    pub fn addresses_of(&self, title: &str) -> [String; 2] {
        let query = "/w/api.php?action=query&prop=imageinfo&iiprop=url&iiurlwidth=60&format=json";
        let titles = format!("titles={title}");
        let answer = self.ask("alpha", &["--data-urlencode", &titles], query);
        let json: serde_json::Value =
            serde_json::from_slice(&answer.body).expect("the API says JSON");
        let pages = json["query"]["pages"].as_object().expect("pages");
        let info = &pages.values().next().expect("a page")["imageinfo"][0];
        ["url", "thumburl"].map(|name| {
            let url = info[name].as_str().unwrap_or_else(|| panic!("no {name} in {json}"));
            let (_, path) = url.split_once("wiki.test").expect("its own URL");
            path.to_owned()
        })
    }
}

impl Asked {
    fn read(line: &str) -> Self {
        let words: Vec<&str> = line.split(' ').collect();
        let word = |at: usize| words.get(at).copied().unwrap_or_default().to_owned();
        Self { method: word(0), host: word(1), target: word(2), line: line.to_owned() }
    }
}

fn finished(name: &str, command: &mut Command) -> String {
    let (status, said) = output(name, command, Duration::from_secs(120));
    assert!(status.success(), "{command:?}: {status}\n{said}");
    said
}

/// PHP's server, whose name tells its version.
fn php_server() -> PathBuf {
    let servers = fs::read_dir("/usr/sbin").expect("Debian has that folder").flatten();
    let mut servers = servers.filter(|it| it.file_name().to_string_lossy().starts_with("php-fpm"));
    servers.next().expect("tests/real/install brings php-fpm").path()
}

/// Debian's servers stand in a folder that is not on everybody's path.
pub fn program(name: &str) -> PathBuf {
    let there = Path::new("/usr/sbin").join(name);
    if there.exists() { there } else { name.into() }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the folder is ours");
    for entry in fs::read_dir(from).expect("it was just written").flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(from, to).expect("the folder is ours");
        }
    }
}
