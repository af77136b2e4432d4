"""What each script of this folder begins with: options, programs, files, and an origin."""

import argparse
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys

from rig import ats, haproxy, nginx, process, tidegate, varnish
from rig.origin import Origin

SERVERS = {each.name: each for each in (
    tidegate.Tidegate, nginx.Nginx, haproxy.Haproxy, varnish.Varnish, ats.TrafficServer,
    haproxy.Plain)}

# The core of the clients and the origin.
CLIENTS = "1"

HERE = pathlib.Path(__file__).resolve().parent.parent


class Stage:
    """Where servers are started. Files stand in `scratch`."""

    def __init__(self, scratch):
        self.scratch = scratch
        self.tls = process.certificate(scratch / "tls")
        self.origin = Origin(scratch, CLIENTS)

    @contextlib.contextmanager
    def running(self, name, setup):
        """A server that listens, and leaves nothing behind."""
        server = SERVERS[name](self.scratch, self.tls, self.origin, setup)
        try:
            yield server.start()
        finally:
            server.stop()
            shutil.rmtree(server.folder, ignore_errors=True)


@contextlib.contextmanager
def stage(options):
    """Installs and builds what is missing, and clears everything away at the end."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    subprocess.run([HERE / "install"], check=True)
    tidegate.Tidegate.binary = options.binary or _build()
    os.sched_setaffinity(0, {int(CLIENTS)})
    scratch = process.folder(options.scratch)
    try:
        made = Stage(scratch)
        try:
            yield made
        finally:
            made.origin.stop()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def versions(names):
    """Name → version of what is compared."""
    return {name: SERVERS[name].told() for name in names}


def parser(about, servers, rounds):
    """The options that all scripts have."""
    made = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--only", type=listed(servers), default=list(servers),
                      help=f"servers, with commas between: {','.join(servers)}")
    made.add_argument("--rounds", type=int, default=rounds)
    made.add_argument("--binary", help="a tidegate to measure; default: a release build")
    made.add_argument("--scratch", default="/dev/shm", help="where files go; 4 GiB")
    made.add_argument("--json", metavar="FILE", help="write every figure there")
    return made


def listed(known):
    """An option's type: some of `known`, with commas between."""
    def parse(text):
        names = text.split(",")
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name} is none of {', '.join(known)}")
        return names
    return parse


def run(name, main):
    """Runs `main` and tells in a line why it could not."""
    try:
        sys.exit(main())
    except (process.Refused, subprocess.CalledProcessError) as reason:
        sys.exit(f"benches/{name}: {reason}")
    except KeyboardInterrupt:
        sys.exit(130)


def _build():
    """The release binary of this tree."""
    root = HERE.parent
    subprocess.run(["cargo", "build", "--release", "--locked"], cwd=root, check=True)
    target = os.environ.get("CARGO_TARGET_DIR", root / "target")
    return pathlib.Path(target) / "release" / "tidegate"
