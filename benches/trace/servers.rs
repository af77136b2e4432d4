//! Tidegate and its peers, each with a cache of so many bytes and everything else as small and as
//! quiet as it goes: no access log, one worker.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::memory;
use crate::process::{Folder, Server, free_port};

/// What can be measured.
pub const NAMES: [&str; 5] = ["tidegate", "nginx", "haproxy", "varnish", "ats"];

/// A server with a cache.
pub struct Cache {
    server: Server,
    pub port: u16,
    /// Where it keeps files in memory.
    files: Option<Folder>,
    /// Its configuration and whatever it writes.
    _folder: Folder,
}

impl Cache {
    /// Starts `name` in front of `origin` with a cache of so many bytes.
    pub fn start(name: &str, tidegate: &Path, origin: u16, bytes: u64) -> Self {
        let (folder, port) = (Folder::new(&std::env::temp_dir()), free_port());
        let mib = bytes >> 20;
        let (command, files) = match name {
            "tidegate" => (self::tidegate(&folder, tidegate, port, origin, bytes), None),
            "nginx" => {
                let files = Folder::new(Path::new("/dev/shm"));
                (nginx(&folder, files.path(), port, origin, bytes), Some(files))
            }
            "haproxy" => (haproxy(&folder, port, origin, mib), None),
            "varnish" => (varnish(&folder, port, origin, bytes), None),
            "ats" => {
                let files = Folder::new(Path::new("/dev/shm"));
                (ats(&folder, files.path(), port, origin, bytes), Some(files))
            }
            other => panic!("no server is called {other}: {NAMES:?}"),
        };
        Self { server: Server::start(command, &folder, port), port, files, _folder: folder }
    }

    /// Bytes of memory that it takes.
    pub fn memory(&self) -> u64 {
        let files = self.files.as_ref().map_or(0, |folder| memory::files(folder.path()));
        memory::resident(self.server.id()) + files
    }

    /// What it said.
    pub fn output(&self) -> String {
        self.server.output()
    }
}

fn tidegate(folder: &Folder, binary: &Path, port: u16, origin: u16, bytes: u64) -> Command {
    let config = folder.write(
        "tidegate.toml",
        &format!(
            "[node]\nname = \"trace\"\nmemory = \"2GiB\"\nworkers = 1\n\
             [[listener]]\naddress = \"127.0.0.1:{port}\"\n\
             [cache]\nmemory = \"{bytes}B\"\n\
             [cluster.wiki]\nservers = [\"127.0.0.1:{origin}\"]\n\
             [site.wiki]\nhosts = [\"wiki.test\"]\ncluster = \"wiki\"\n"
        ),
    );
    let mut command = Command::new(binary);
    command.arg("run").arg("--config").arg(config);
    command
}

fn nginx(folder: &Folder, files: &Path, port: u16, origin: u16, bytes: u64) -> Command {
    let mean = 25 << 10;
    // The manager looks after `max_size` every ten seconds only, between which this load brings
    // gigabytes. What bounds the cache at once is its table of keys: of fixed size, and when it is
    // full the least recently used goes first. The zone holds a key in 128 bytes, a file takes
    // whole pages.
    let zone = (bytes / (mean + 2048) * 128).max(64 << 10);
    let config = folder.write(
        "nginx.conf",
        &format!(
            "user root; daemon off; worker_processes 1; pid nginx.pid; error_log error.log;\n\
             events {{ worker_connections 1024; }}\n\
             http {{ access_log off; keepalive_requests 1000000000;\n\
             proxy_cache_path {files} keys_zone=c:{zone} inactive=1d\n\
               use_temp_path=off manager_files=10000 manager_threshold=1s;\n\
             upstream o {{ server 127.0.0.1:{origin}; keepalive 64; }}\n\
             server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://o; proxy_cache c;\n\
               proxy_http_version 1.1; proxy_set_header Connection \"\"; }} }} }}\n",
            files = files.display()
        ),
    );
    let mut command = Command::new("/usr/sbin/nginx");
    command.arg("-c").arg(config).arg("-p").arg(folder.path());
    command
}

fn haproxy(folder: &Folder, port: u16, origin: u16, mib: u64) -> Command {
    let config = folder.write(
        "haproxy.cfg",
        &format!(
            "global\n  nbthread 1\n  maxconn 1000\n\
             defaults\n  mode http\n  timeout client 60s\n  timeout server 60s\n  timeout connect 5s\n\
             cache c\n  total-max-size {mib}\n  max-object-size 4300000\n  max-age 86400\n\
             frontend f\n  bind 127.0.0.1:{port}\n  http-request cache-use c\n\
             \x20 http-response cache-store c\n  default_backend b\n\
             backend b\n  server o 127.0.0.1:{origin}\n"
        ),
    );
    let mut command = Command::new("/usr/sbin/haproxy");
    command.arg("-db").arg("-f").arg(config);
    command
}

fn varnish(folder: &Folder, port: u16, origin: u16, bytes: u64) -> Command {
    let vcl = format!("vcl 4.1; backend o {{ .host = \"127.0.0.1\"; .port = \"{origin}\"; }}\n");
    let vcl = folder.write("trace.vcl", &vcl);
    let mut command = Command::new("/usr/sbin/varnishd");
    command.arg("-F").arg("-n").arg(folder.path().join("run")).arg("-f").arg(vcl);
    command.args(["-a", &format!("127.0.0.1:{port}"), "-s", &format!("malloc,{bytes}b")]);
    // Its allocator would keep what was freed for ten seconds, which at this load is hundreds of
    // megabytes.
    command.env("MALLOC_CONF", "dirty_decay_ms:0,muzzy_decay_ms:0");
    // With the default of 50 an object of 4 MiB finds no room among small ones, and its fetch fails.
    for parameter in ["nuke_limit=100000", "vsl_space=1M", "thread_pools=1", "thread_pool_min=32"] {
        command.args(["-p", parameter]);
    }
    command.args(["-j", "none"]);
    command
}

fn ats(folder: &Folder, files: &Path, port: u16, origin: u16, bytes: u64) -> Command {
    let root = folder.path();
    let etc = root.join("etc");
    copy(Path::new("/etc/trafficserver"), &etc);
    for name in ["log", "run"] {
        fs::create_dir_all(root.join(name)).expect("the folder is ours");
    }
    // The memory cache holds copies of what the storage has: all the memory goes to the storage.
    folder.write(
        "etc/records.config",
        &format!(
            "CONFIG proxy.config.http.server_ports STRING {port}:ip-in=127.0.0.1\n\
             CONFIG proxy.config.exec_thread.autoconfig.enabled INT 0\n\
             CONFIG proxy.config.exec_thread.limit INT 1\n\
             CONFIG proxy.config.accept_threads INT 0\n\
             CONFIG proxy.config.log.logging_enabled INT 0\n\
             CONFIG proxy.config.url_remap.remap_required INT 1\n\
             CONFIG proxy.config.http.cache.http INT 1\n\
             CONFIG proxy.config.cache.ram_cache.size INT 1M\n\
             CONFIG proxy.config.net.connections_throttle INT 1000\n\
             CONFIG proxy.config.admin.user_id STRING #-1\n"
        ),
    );
    folder.write("etc/remap.config", &format!("map / http://127.0.0.1:{origin}/\n"));
    folder.write("etc/storage.config", &format!("{} {}M\n", files.display(), bytes >> 20));
    let path = |path: PathBuf| path.display().to_string();
    let layout = folder.write(
        "runroot.yaml",
        &format!(
            "prefix: {root}\nexec_prefix: /usr\nbindir: /usr/bin\nsbindir: /usr/sbin\n\
             sysconfdir: {etc}\ndatadir: /usr/share/trafficserver\nlibdir: /usr/lib/trafficserver\n\
             libexecdir: /usr/lib/trafficserver/modules\nlocalstatedir: {root}\n\
             runtimedir: {run}\nlogdir: {log}\ncachedir: {files}\n",
            root = root.display(),
            etc = etc.display(),
            run = path(root.join("run")),
            log = path(root.join("log")),
            files = files.display(),
        ),
    );
    let mut command = Command::new("/usr/bin/traffic_server");
    command.arg(format!("--run-root={}", layout.display()));
    command.env("PROXY_CONFIG_CONFIG_DIR", &etc).env("TS_ROOT", "");
    command
}

/// Copies the files of `from` into `to`.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the folder is ours");
    let entries = fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    for entry in entries.flatten() {
        if entry.path().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).expect("the folder is ours");
        }
    }
}
