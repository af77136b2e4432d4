//! Debian's Varnish in front of the wikis, with hitch before it for TLS, as well as we can configure
//! them: `varnish.vcl`, `hitch.conf`.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use rustix::process::geteuid;

use super::super::answer::Answer;
use super::super::edge::Ports;
use super::super::process::{Process, Scratch};
use super::super::tls::Identity;
use super::super::wait::{SOON, until};
use super::stage::{Front, Verdict};
use super::wiki::program;

const VCL: &str = include_str!("varnish.vcl");
const HITCH: &str = include_str!("hitch.conf");

/// A running Varnish.
pub struct Varnish {
    _hitch: Process,
    _varnish: Process,
    plain: SocketAddr,
    tls: SocketAddr,
    _folder: Scratch,
}

impl Front for Varnish {
    fn name(&self) -> &'static str {
        "Varnish"
    }

    fn plain(&self) -> SocketAddr {
        self.plain
    }

    fn tls(&self) -> SocketAddr {
        self.tls
    }

    fn purge(&self) -> SocketAddr {
        self.plain
    }

    fn is_hit(&self, answer: &Answer) -> bool {
        answer.field("x-cache").is_some_and(|word| word.starts_with("hit"))
    }

    fn reason(&self, answer: &Answer) -> String {
        answer.field("x-cache").unwrap_or("none").to_owned()
    }

    fn configuration(&self) -> String {
        VCL.to_owned() + HITCH
    }

    fn is_well(&self) -> Verdict {
        Ok(())
    }
}

impl Varnish {
    /// Starts it in front of `origin`.
    pub fn start(origin: SocketAddr) -> Self {
        let folder = Scratch::new("varnish");
        let [plain, tls, inside, _] = Ports::free().addresses();
        let identity = Identity::new("*.wiki.test");
        // It insists on workers of another user where it is root.
        let user = if geteuid().is_root() { "user = \"nobody\"\n" } else { "" };
        let files = [
            ("varnish.vcl", VCL.to_owned()),
            ("hitch.conf", format!("{HITCH}{user}")),
            ("both.pem", identity.key + &identity.cert),
        ];
        for (name, text) in files {
            let text = text.replace("FOLDER", &folder.path().display().to_string());
            let text = text.replace("ORIGIN", &origin.port().to_string());
            let text = text.replace("SECURE", &tls.port().to_string());
            let text = text.replace("INSIDE", &inside.port().to_string());
            fs::write(folder.path().join(name), text).expect("the folder is ours");
        }
        let mut varnish = Command::new(program("varnishd"));
        varnish.args([
            "-F",
            "-j",
            "none",
            "-s",
            "malloc,256m",
            "-p",
            "feature=+http2",
            "-p",
            "vcc_allow_inline_c=on",
            "-n",
        ]);
        varnish.arg(folder.path().join("work")).arg("-f").arg(folder.path().join("varnish.vcl"));
        varnish.args(["-a", &format!("{plain},HTTP"), "-a", &format!("{inside},PROXY")]);
        let mut varnish = Process::start("varnish", folder.path(), &mut varnish).with_children();
        let mut hitch = Command::new(program("hitch"));
        hitch.arg(format!("--config={}", folder.path().join("hitch.conf").display()));
        let mut hitch = Process::start("hitch", folder.path(), &mut hitch).with_children();
        until("varnish and hitch take connections", 2 * SOON, || {
            assert!(varnish.runs(), "varnish ended:\n{}", varnish.last_words());
            assert!(hitch.runs(), "hitch ended:\n{}", hitch.last_words());
            [plain, tls].iter().all(|port| TcpStream::connect(port).is_ok())
        });
        Self { _hitch: hitch, _varnish: varnish, plain, tls, _folder: folder }
    }
}
