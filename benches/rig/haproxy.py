"""HAProxy: with its cache, and as a plain proxy."""

from rig.server import Server


class Haproxy(Server):
    name = "haproxy"
    needs, version = ("haproxy",), ("haproxy", "-v")
    caches = True

    def launch(self):
        # Its largest cache is 4095 MiB; objects have to be told a limit too.
        size = self.cache_bytes(roomy=2000 << 20) >> 20
        cache, use = "", ""
        if self.caches:
            cache = f"cache c\n  total-max-size {size}\n  max-object-size 2000000\n  max-age 86400"
            use = "  http-request cache-use c\n  http-response cache-store c"
        config = self.write("haproxy.cfg", f"""
global
  nbthread 1
  maxconn 9000
  tune.ssl.cachesize 0
  log stdout format raw local0
defaults
  mode http
  log global
  option httplog
  http-reuse always
  timeout client 300s
  timeout http-keep-alive 300s
  timeout server 60s
  timeout connect 5s
{cache}
frontend f
  bind 127.0.0.1:{self.plain}
  bind 127.0.0.1:{self.secure} ssl crt {self.tls}/both.pem alpn h2,http/1.1 no-tls-tickets
  default_backend b
backend b
{use}
  server o 127.0.0.1:{self.origin}
""")
        self.spawn("haproxy", "-f", config, "-db", stdout=self.log)


class Plain(Haproxy):
    """What proxying costs where nothing is looked up or stored."""

    name = "haproxy-plain"
    caches = False
