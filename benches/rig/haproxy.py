"""HAProxy: with its cache, and as a plain proxy."""

from rig.server import Server


class Haproxy(Server):
    name = "haproxy"
    needs, version = ("haproxy",), ("haproxy", "-v")
    caches = True

    def launch(self):
        # Its largest cache is 4095 MiB; objects have to be told a limit too.
        size = self.cache_bytes(roomy=1000 << 20) >> 20
        cache, use = "", ""
        if self.caches:
            cache = f"cache c\n  total-max-size {size}\n  max-object-size 2000000\n  max-age 86400"
            use = "  http-request cache-use c\n  http-response cache-store c"
        # - It writes each line with a call of its own to standard output, which is the log. Nothing
        #   that leaves every request in a file costs less: a ring with `backing-file` does not
        #   (and keeps only what fits), nor does one that a process reads over TCP and writes to a
        #   file; syslog over UDP costs 3 to 4 us more, its reader counted.
        # - Buffers of 32 or 64 KiB make bodies of 20 and 100 KiB dearer, and splicing those it
        #   passes does not make them cheaper: both are left as they are.
        config = self.write("haproxy.cfg", f"""
global
  nbthread 1
  maxconn {self.setup.connections + 1000}
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
