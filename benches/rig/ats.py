"""Apache Traffic Server, with its cache on a file in memory's file system and in its RAM cache."""

import shutil

from rig.server import Server


class TrafficServer(Server):
    name = "ats"
    needs, version = ("traffic_server",), ("traffic_server", "-V")
    # With both heads of the exchange.
    per_object = 3800

    def launch(self):
        folder, config = self.folder, self.folder / "etc"
        # What is not written below is as Debian has it.
        shutil.copytree("/etc/trafficserver", config)
        for name in ("log", "cache", "run"):
            (folder / name).mkdir()
        self.log = folder / "log" / "access.log"
        disk = self.cache_bytes(roomy=2 << 30)
        # - One thread serves: there is one core. The threads that write log and disk are few and
        #   mostly asleep.
        # - The RAM cache holds everything, from its first hit and whatever its size (its filter
        #   would forget who was seen once before it sees them again); the disk's directory has
        #   room for objects of 1500 bytes: laid out for the usual 8000 it would be full long before
        #   the disk.
        # - The log is written by buffers of 64 KiB, at the latest after a second.
        settings = f"""
http.server_ports STRING {self.plain}:ip-in=127.0.0.1 {self.secure}:ssl:ip-in=127.0.0.1
exec_thread.autoconfig INT 0
exec_thread.limit INT 1
accept_threads INT 0
net.listen_backlog INT 4096
net.connections_throttle INT 15000
url_remap.remap_required INT 1
http.cache.required_headers INT 1
http.insert_response_via_str INT 0
http.keep_alive_no_activity_timeout_in INT 300
http2.max_concurrent_streams_in INT 256
cache.ram_cache.size INT 2147483648
cache.ram_cache_cutoff INT 8388608
cache.ram_cache.use_seen_filter INT 0
cache.min_average_object_size INT 1500
ssl.server.cert.path STRING {self.tls}
ssl.server.private_key.path STRING {self.tls}
ssl.server.session_ticket.enable INT 0
ssl.session_cache INT 0
log.logging_enabled INT 3
log.max_secs_per_buffer INT 1
log.log_buffer_size INT 65536
log.rolling_enabled INT 0
diags.debug.enabled INT 0
admin.user_id STRING #-1
"""
        lines = [f"CONFIG proxy.config.{line}" for line in settings.split("\n") if line]
        (config / "records.config").write_text("\n".join(lines) + "\n")
        (config / "logging.yaml").write_text("""logging:
  formats:
    - name: line
      format: '%<chi> - %<caun> [%<cqtn>] "%<cqtx>" %<pssc> %<pscl> %<crc>'
  logs:
    - filename: access
      format: line
      mode: ascii
""")
        (config / "remap.config").write_text(f"map / http://127.0.0.1:{self.origin}/\n")
        (config / "storage.config").write_text(f"{folder}/cache {disk}\n")
        (config / "ssl_multicert.config").write_text(
            "dest_ip=* ssl_cert_name=cert.pem ssl_key_name=key.pem\n")
        (config / "ip_allow.yaml").write_text(
            "ip_allow:\n  - apply: in\n    ip_addrs: 0/0\n    action: allow\n    methods: ALL\n")
        run_root = self.write("runroot.yaml", f"""prefix: {folder}
exec_prefix: /usr
bindir: /usr/bin
sbindir: /usr/sbin
sysconfdir: {config}
datadir: /usr/share/trafficserver
libdir: /usr/lib/trafficserver
libexecdir: /usr/lib/trafficserver/modules
localstatedir: {folder}
runtimedir: {folder}/run
logdir: {folder}/log
cachedir: {folder}/cache
""")
        self.spawn("traffic_server", f"--run-root={run_root}",
                   environment={"PROXY_CONFIG_CONFIG_DIR": str(config), "TS_ROOT": ""})
