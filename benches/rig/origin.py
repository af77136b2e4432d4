"""The origin behind every server: an nginx whose pages can be told apart, and which counts."""

import http.client
import os
import random

from rig import process

# Every page by its name; hex digits, so that nobody compresses them into nothing.
SIZES = {"1k": 1 << 10, "20k": 20 << 10, "100k": 100 << 10, "1m": 1 << 20}

# Objects are numbered with eight digits; each holds its own number, and 1 KiB in all.
OBJECT = 1 << 10
_REST = ("Two tides a day, and none waits for a reader. " * 23)[: OBJECT - 9] + "."


def object_path(number):
    return f"/objects/{number:08d}"


def tagged_path(number):
    return f"/tagged/{number:08d}"


def object_body(number):
    return f"{number:08d}{_REST}".encode()


class Origin:
    """Serves, on the clients' core:

    /pages/SIZE     storable for a day
    /private/SIZE   `Cache-Control: private`
    /no-store/SIZE  `Cache-Control: no-store`
    /objects/NUMBER storable for a day, any number of them
    /tagged/NUMBER  the same, with the tags `all` and one of `t0` to `t999`
    """

    def __init__(self, scratch, cores):
        self.port, self.status = process.free_port(), process.free_port()
        self.own = 0
        self.pages = {}
        root = scratch / "www"
        chance = random.Random(1)
        for kind in ("pages", "private", "no-store"):
            (root / kind).mkdir(parents=True)
            for name, size in SIZES.items():
                self.pages[f"/{kind}/{name}"] = page = chance.randbytes(size // 2).hex().encode()
                (root / kind / name).write_bytes(page)
        config = scratch / "origin.conf"
        config.write_text(self._config(scratch, root))
        said = scratch / "origin.said"
        self.process = process.Process(["nginx", "-c", config, "-p", scratch], cores, said)
        self.process.wait_for(self.port)

    def _config(self, scratch, root):
        # Servers keep their connections to it as long as they like.
        return f"""
daemon off; worker_processes 1; pid {scratch}/origin.pid; error_log {scratch}/origin.errors;
{as_root()}
events {{ worker_connections 8192; }}
http {{
  access_log off; types {{ }} default_type text/html; open_file_cache max=100;
  keepalive_requests 1000000000; keepalive_timeout 300;
  client_body_temp_path {scratch}/origin.body; proxy_temp_path {scratch}/origin.proxy;
  server {{
    listen 127.0.0.1:{self.port} backlog=4096; root {root};
    location /pages/ {{ add_header Cache-Control max-age=86400; }}
    location /private/ {{ add_header Cache-Control private; }}
    location /no-store/ {{ add_header Cache-Control no-store; }}
    location ~ "^/objects/(\\d{{8}})$" {{
      add_header Cache-Control max-age=86400; return 200 "$1{_REST}";
    }}
    location ~ "^/tagged/(\\d{{5}}0*(\\d{{1,3}}))$" {{
      add_header Cache-Control max-age=86400; add_header xkey "all t$2"; return 200 "$1{_REST}";
    }}
  }}
  server {{ listen 127.0.0.1:{self.status}; location / {{ stub_status; }} }}
}}
"""

    def body(self, path):
        """What `path` holds."""
        page = self.pages.get(path)
        return object_body(int(path.rsplit("/", 1)[1])) if page is None else page

    def asked(self):
        """How many requests have come to it, those for this number aside."""
        connection = http.client.HTTPConnection("127.0.0.1", self.status, timeout=10)
        connection.request("GET", "/")
        requests = int(connection.getresponse().read().split()[9])
        connection.close()
        self.own += 1
        return requests - self.own

    def stop(self):
        self.process.stop()


def as_root():
    """nginx's workers become another user where root starts it, and cannot read the scratch."""
    return "user root;" if os.geteuid() == 0 else ""
