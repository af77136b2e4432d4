//! nginx as the origin: static pages in a folder of the test's.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;

use super::process::{Process, Scratch, free_port};
use super::wait::{SOON, until};

/// A running nginx, or one that was.
pub struct Nginx {
    process: Option<Process>,
    port: u16,
    folder: Scratch,
}

impl Nginx {
    /// Starts nginx, with `locations` beside the pages: `/p/` may be cached for a day, `/private/`
    /// not at all.
    pub fn start(locations: &str) -> Self {
        let folder = Scratch::new("nginx");
        let port = free_port();
        for pages in ["pages/p", "pages/private"] {
            fs::create_dir_all(folder.path().join(pages)).expect("the folder is ours");
        }
        let conf = CONF
            .replace("FOLDER", &folder.path().display().to_string())
            .replace("PORT", &port.to_string())
            .replace("LOCATIONS", locations);
        fs::write(folder.path().join("nginx.conf"), conf).expect("the folder is ours");
        let mut nginx = Self { process: None, port, folder };
        nginx.start_again();
        nginx
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// The folder of what it serves: `p` and `private`.
    pub fn pages(&self) -> PathBuf {
        self.folder.path().join("pages")
    }

    /// Ends nginx at once, its connections with it.
    pub fn kill(&mut self) {
        let mut process = self.process.take().expect("nginx runs");
        process.end_by(Signal::KILL, SOON);
    }

    /// Starts nginx where it was.
    pub fn start_again(&mut self) {
        let mut process = Process::start("nginx", self.folder.path(), &mut command(&self.folder));
        until("nginx takes connections", SOON, || {
            assert!(process.runs(), "nginx ended:\n{}", process.last_words());
            TcpStream::connect(self.address()).is_ok()
        });
        self.process = Some(process);
    }
}

fn command(folder: &Scratch) -> Command {
    let program = ["/usr/sbin/nginx", "/usr/bin/nginx"].into_iter().find(|p| Path::new(p).exists());
    let mut command = Command::new(program.unwrap_or("nginx"));
    command.arg("-p").arg(folder.path()).arg("-c").arg(folder.path().join("nginx.conf"));
    command.arg("-e").arg("stderr");
    command
}

/// One process, so that a signal reaches all there is. Pages are replaced by renaming, and
/// nginx takes length, ETag and content from one open file.
const CONF: &str = "\
daemon off;
master_process off;
pid FOLDER/nginx.pid;
error_log stderr warn;
worker_rlimit_nofile 8192;
events { worker_connections 4096; }
http {
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000;
    default_type application/octet-stream;
    client_body_temp_path FOLDER/body;
    proxy_temp_path FOLDER/proxy;
    fastcgi_temp_path FOLDER/fastcgi;
    uwsgi_temp_path FOLDER/uwsgi;
    scgi_temp_path FOLDER/scgi;
    server {
        listen 127.0.0.1:PORT backlog=4096;
        root FOLDER/pages;
        location / { add_header Cache-Control 'max-age=86400'; }
        location /private/ { add_header Cache-Control 'no-store'; }
        LOCATIONS
    }
}
";
