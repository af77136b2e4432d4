"""Varnish, with hitch before it for TLS and varnishncsa beside it for the log: all three count."""

import os

from rig import process
from rig.server import Server


PURGES = """
import xkey;
sub vcl_recv {
  if (req.method == "PURGE") {
    if (!req.http.xkey) { return (purge); }
    xkey.purge(req.http.xkey);
    return (synth(200, "Purged"));
  }
}
"""


class Varnish(Server):
    name = "varnish"
    needs = ("varnishd", "varnishncsa", "hitch")
    version = ("varnishd", "-V")
    per_object = 1300

    def launch(self):
        inside, self.clear = process.free_port(), self.folder / "clear"
        size = self.cache_bytes(roomy=4 << 30)
        # - A thread a busy connection, all of them started beforehand: they cost nothing while they
        #   wait, and a client that finds none is sent away. One pool: there is one core.
        # - The VCL is the builtin one, which passes requests with cookies; ours have none. Before it
        #   stand purges, where they are what is measured.
        threads = max(300, self.setup.connections + 200)
        vcl = self.write("wiki.vcl", "vcl 4.1;\nbackend origin "
                         f'{{ .host = "127.0.0.1"; .port = "{self.origin}"; }}\n'
                         f'{PURGES if self.setup.name == "purge" else ""}')
        self.spawn(
            "varnishd", "-F", "-n", self.clear, "-f", vcl, "-s", f"malloc,{size}", "-j", "none",
            "-a", f"127.0.0.1:{self.plain},HTTP", "-a", f"127.0.0.1:{inside},PROXY",
            "-p", "feature=+http2", "-p", "timeout_idle=300", "-p", "thread_pools=1",
            "-p", f"thread_pool_min={threads}", "-p", "thread_pool_max=5000",
            "-p", "listen_depth=4096",
        ).wait_for(self.plain)
        # It writes its file through a buffer of the C library.
        self.spawn("varnishncsa", "-n", self.clear, "-a", "-w", self.log)
        user = 'user = "nobody"' if os.geteuid() == 0 else ""
        config = self.write("hitch.conf", f"""
frontend = {{ host = "127.0.0.1" port = "{self.secure}" }}
backend = "[127.0.0.1]:{inside}"
workers = 1
backlog = 4096
write-proxy-v2 = on
alpn-protos = "h2,http/1.1"
tls-protos = TLSv1.2 TLSv1.3
pem-file = "{self.tls}/both.pem"
{user}
""")
        self.spawn("hitch", f"--config={config}")
