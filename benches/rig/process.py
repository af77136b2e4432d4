"""Processes: started on a core, watched through /proc, ended with what they started."""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

TICKS = os.sysconf("SC_CLK_TCK")

# Below the range from which the kernel takes clients' ports.
_ports = iter(range(18100, 28000))


class Refused(Exception):
    """Why nothing can be measured."""


def folder(parent):
    """A folder for one run. It stands in memory, so that no disk's mood is in a figure."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="tidegate-bench.", dir=parent))
    path.chmod(0o755)  # servers that drop root read certificates there
    return path


def free_port():
    """A port of 127.0.0.1 on which nothing listens."""
    for port in _ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise Refused("no port is free")


def program(name):
    """Where `name` stands; Debian's servers are not on everybody's path."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    found = shutil.which(name, path=path)
    if found is None:
        raise Refused(f"{name} is not installed: benches/install")
    return found


def run(*argv, **more):
    """Runs a helper to its end and returns what it printed; it must succeed."""
    ended = subprocess.run([str(word) for word in argv], capture_output=True, text=True, **more)
    if ended.returncode != 0:
        raise Refused(f"{argv[0]} ended with {ended.returncode}: {ended.stderr or ended.stdout}")
    return ended.stdout


class Process:
    """A server's process on `cores`, in a group of its own; what it prints goes to `said`."""

    def __init__(self, argv, cores, said, environment=None, stdout=None):
        self.argv = [str(word) for word in argv]
        self.said = said
        self.argv[0] = program(self.argv[0])
        environment = dict(os.environ, **(environment or {}))
        with open(said, "ab") as errors, open(stdout or said, "ab") as output:
            self.child = subprocess.Popen(
                ["taskset", "-c", cores, *self.argv],
                stdin=subprocess.DEVNULL, stdout=output, stderr=errors,
                env=environment, start_new_session=True,
            )

    def wait_for(self, port, seconds=20):
        """Returns once somebody listens on `port`."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.child.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        said = self.said.read_text(errors="replace")[-2000:]
        raise Refused(f"{self.argv[0]} does not listen on {port}: {said}")

    def alive(self):
        return self.child.poll() is None

    def stop(self):
        """Ends it and what it started, kindly first."""
        family = tree(self.child.pid)
        try:
            os.killpg(self.child.pid, signal.SIGTERM)
            self.child.wait(10)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            pass
        for pid in family:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.child.wait()


def tree(root):
    """`root` and all that descends from it: process id → ticks of CPU that it has used."""
    children, ticks = {}, {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            stat = pathlib.Path(f"/proc/{name}/stat").read_text()
        except OSError:
            continue
        # The command's name, in parentheses, may hold anything.
        fields = stat[stat.rindex(")") + 2:].split()
        pid = int(name)
        children.setdefault(int(fields[1]), []).append(pid)
        ticks[pid] = int(fields[11]) + int(fields[12])
    found, todo = {}, [root]
    while todo:
        pid = todo.pop()
        if pid in ticks:
            found[pid] = ticks[pid]
            todo.extend(children.get(pid, []))
    return found


def cpu_seconds(processes):
    """User and system time of the processes and all that descends from them. A thread's time is
    kept by its process when it ends; the grain is a tick, half a percent of a two-second run."""
    return sum(sum(tree(process.child.pid).values()) for process in processes) / TICKS


def busy_seconds():
    """Seconds that each core has been busy, by whomever, its hypervisor's others included."""
    cores = []
    for line in pathlib.Path("/proc/stat").read_text().splitlines():
        if re.match(r"cpu\d", line):
            user, nice, system, _idle, _wait, interrupt, soft, steal = map(int, line.split()[1:9])
            cores.append((user + nice + system + interrupt + soft + steal) / TICKS)
    return cores


def memory(processes):
    """(resident, proportional) bytes of the processes and all that descends from them. Pages that
    several share count for each in the first and once in the second."""
    resident = proportional = 0
    for process in processes:
        for pid in tree(process.child.pid):
            rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
            resident += 1024 * int(re.search(r"^Rss:\s+(\d+)", rollup, re.M).group(1))
            proportional += 1024 * int(re.search(r"^Pss:\s+(\d+)", rollup, re.M).group(1))
    return resident, proportional


def certificate(path):
    """A self-signed P-256 certificate, of the kind that costs a handshake least: cert.pem, key.pem,
    and both.pem with the two, as HAProxy and hitch want it."""
    path.mkdir()
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-days", "30", "-subj", "/CN=wiki.test",
        "-addext", "subjectAltName=DNS:wiki.test,DNS:localhost,IP:127.0.0.1",
        "-keyout", path / "key.pem", "-out", path / "cert.pem")
    both = (path / "cert.pem").read_text() + (path / "key.pem").read_text()
    (path / "both.pem").write_text(both)
    for pem in path.iterdir():
        pem.chmod(0o644)
    return path
