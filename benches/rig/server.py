"""What every server has in common: a folder, two ports, a log with a line for each request."""

import dataclasses
import itertools
import subprocess

from rig import process


@dataclasses.dataclass(frozen=True)
class Setup:
    """What a configuration is for."""

    name: str
    # How many objects of 1 KiB the cache should hold; none: whatever is asked, with room to spare.
    objects: int | None = None
    # Clients at once.
    connections: int = 64
    workers: int = 1
    cores: str = "0"
    # Whether the load comes from the server's own cores.
    shared: bool = False


class Server:
    """One server with one configuration. Who derives from it says how it is run."""

    name = ""
    # The programs it needs, and what prints its version.
    needs, version = (), ()
    # The bytes that a stored object of 1 KiB takes by this cache's own account, so that it holds
    # about as many `objects` as a `Setup` says; `prepare.crowded` proves that it does.
    per_object = 2048

    def __init__(self, scratch, tls, origin, setup):
        self.folder = scratch / f"{self.name}-{setup.name}"
        self.folder.mkdir()
        self.tls, self.origin, self.setup = tls, origin.port, setup
        self.plain, self.secure = process.free_port(), process.free_port()
        self.log = self.folder / "access.log"
        self.processes = []
        # Numbers of objects that nobody has asked this server for.
        self.unseen = itertools.count(10_000_000, 5_000_000)

    def start(self):
        """Runs it and returns when it listens."""
        try:
            self.launch()
            for port in (self.plain, self.secure):
                self.processes[-1].wait_for(port)
        except BaseException:
            self.stop()
            raise
        return self

    def launch(self):
        """Writes the configuration and runs what there is to run."""
        raise NotImplementedError

    def spawn(self, *argv, **more):
        said = self.folder / "said"
        self.processes.append(process.Process(argv, self.setup.cores, said, **more))
        return self.processes[-1]

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def cache_bytes(self, roomy):
        """The size of the cache: `roomy`, or what the setup's objects take."""
        objects = self.setup.objects
        return roomy if objects is None else objects * self.per_object

    def cpu(self):
        return process.cpu_seconds(self.processes)

    def memory(self):
        return process.memory(self.processes)

    def logged(self):
        """The size of the log, from which `lines` counts."""
        return self.log.stat().st_size if self.log.exists() else 0

    def lines(self, since):
        """Lines that the log has got since it had `since` bytes."""
        if not self.log.exists():
            return 0
        with open(self.log, "rb") as log:
            log.seek(since)
            return sum(piece.count(b"\n") for piece in iter(lambda: log.read(1 << 20), b""))

    def dead(self):
        """The programs that have ended by themselves."""
        return [each.argv[0] for each in self.processes if not each.alive()]

    def stop(self):
        """Ends it; its folder goes with the run's."""
        for each in reversed(self.processes):
            each.stop()
        self.log.unlink(missing_ok=True)

    @classmethod
    def told(cls):
        """Its version, for whoever reads the figures."""
        argv = [process.program(cls.version[0]), *cls.version[1:]]
        said = subprocess.run(argv, capture_output=True, text=True)
        return (said.stdout + said.stderr).strip().splitlines()[0]
