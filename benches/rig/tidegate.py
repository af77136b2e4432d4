"""Tidegate, as a node that serves one site."""

from rig import process
from rig.server import Server


class Tidegate(Server):
    name = "tidegate"
    binary = "tidegate"
    # 1 KiB and what keeps it (`benches/idle`).
    per_object = 1536

    def launch(self):
        self.admin = process.free_port()
        cache = self.cache_bytes(roomy=2 << 30)
        config = self.write("tidegate.toml", f"""
[node]
memory = "{cache + (2 << 30)}"
workers = {self.setup.workers}
cpu_affinity = {str(self.setup.shared).lower()}
[[listener]]
address = "127.0.0.1:{self.plain}"
[[listener]]
address = "127.0.0.1:{self.secure}"
tls = true
[[certificate]]
cert = "{self.tls}/cert.pem"
key = "{self.tls}/key.pem"
[cache]
memory = "{cache}"
[admin]
address = "127.0.0.1:{self.admin}"
[timeouts]
idle = "300s"
[limits]
client_connections = 100000
client_requests = 100000
client_unread = "1GiB"
[log]
access = "{self.log}"
[cluster.wiki]
servers = ["127.0.0.1:{self.origin}"]
[site.wiki]
hosts = ["*"]
cluster = "wiki"
""")
        self.spawn(self.binary, "run", "--config", config)

    @classmethod
    def told(cls):
        cls.version = (cls.binary, "--version")
        return super().told()
