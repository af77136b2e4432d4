"""nginx with its proxy cache, stored in memory's file system."""

import resource

from rig.origin import as_root
from rig.server import Server


class Nginx(Server):
    name = "nginx"
    needs, version = ("nginx",), ("nginx", "-v")
    # One block of the file system: the object, its head and nginx's own.
    per_object = 4096

    def launch(self):
        folder, cache = self.folder, self.cache_bytes(roomy=4 << 30)
        # - The cache's files and those that grow into it stand in one file system, so that a
        #   finished one is renamed and not copied.
        # - Open files are kept, which saves an open a hit: as many as the limit on descriptors
        #   leaves beside connections.
        # - 128 MiB hold the keys of a million objects. The manager's usual 100 files at a time
        #   could not remove as many as `full` stores.
        # - Without `tcp_nopush` the head and the file's first piece are two segments, but bodies of
        #   100 KiB cost less than half.
        descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        open_files = max(1000, min(200_000, descriptors - 5000))
        config = self.write("nginx.conf", f"""
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/errors;
{as_root()} worker_rlimit_nofile {descriptors};
events {{ worker_connections 8192; }}
http {{
  access_log {self.log} combined buffer=64k flush=1s;
  sendfile on; open_file_cache max={open_files} inactive=1h;
  keepalive_requests 1000000000; keepalive_timeout 300;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  proxy_cache_path {folder}/cache levels=1:2 use_temp_path=off keys_zone=c:128m max_size={cache}
                   inactive=1d manager_files=10000 manager_sleep=50ms manager_threshold=100ms;
  upstream origin {{
    server 127.0.0.1:{self.origin}; keepalive 1000;
    keepalive_requests 1000000000; keepalive_timeout 300;
  }}
  ssl_certificate {self.tls}/cert.pem; ssl_certificate_key {self.tls}/key.pem;
  ssl_session_cache off; ssl_session_tickets off;
  server {{
    listen 127.0.0.1:{self.plain} backlog=4096;
    listen 127.0.0.1:{self.secure} ssl http2 backlog=4096;
    location / {{
      proxy_pass http://origin; proxy_cache c;
      proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
    }}
  }}
}}
""")
        self.spawn("nginx", "-c", config, "-p", folder)

    def memory(self):
        resident, proportional = super().memory()
        # Files of this file system are memory; empty folders count for a block, too.
        files = sum(path.stat().st_blocks * 512 for path in self.folder.glob("cache/**/*"))
        return resident + files, proportional + files
