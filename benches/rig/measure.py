"""One figure: what a server's processes cost for each request of a load, and every reason not to
believe it. A figure with a complaint is no figure."""

import dataclasses
import time

from rig.process import busy_seconds


@dataclasses.dataclass
class Figure:
    """What came of one scenario, one server, one round."""

    scenario: str
    server: str
    round: int
    # Microseconds of CPU for each request, of the whole process tree.
    cost: float
    rate: float
    requests: int
    lines: int
    misses: int
    # The share of the server's cores that others used; none where clients stand on them too.
    others: float | None
    complaints: list

    def __str__(self):
        missed = f"{self.misses / max(self.requests, 1):7.1%} missed" if self.misses else ""
        invalid = "".join(f"\n  INVALID: {complaint}" for complaint in told(self.complaints))
        return (f"{self.scenario:10} {self.server:13} {self.cost:8.2f} us {self.rate:8.0f} req/s "
                f"{self.lines:8} lines {missed}{invalid}")


def told(complaints):
    """The first of them, on one line each."""
    first = [" ".join(complaint.split())[:200] for complaint in complaints[:3]]
    return first + [f"and {len(complaints) - 3} more"] * (len(complaints) > 3)


def failed(scenarios, server, number, reason):
    """The figures of a server that could not be measured."""
    return [Figure(each.name, server, number, 0.0, 0.0, 0, 0, 0, None, [reason])
            for each in scenarios]


def measure(server, scenario, number, origin, scripts, cores, seconds):
    """Runs one load and weighs it."""
    asked, log, busy, began = origin.asked(), server.logged(), busy_seconds(), server.cpu()
    clock = time.monotonic()
    load = scenario.load(server, scripts, cores, seconds)
    cost = server.cpu() - began
    clock = time.monotonic() - clock
    busy = [after - before for after, before in zip(busy_seconds(), busy)]
    misses = origin.asked() - asked
    complaints = load.complaints
    complaints += [f"{program} has ended" for program in server.dead()]
    least, most = (share * load.requests for share in scenario.misses)
    # What was under way when the load ended may have been asked for, and not counted.
    if not least * 0.98 <= misses <= most * 1.02 + (server.setup.connections if most else 0):
        complaints.append(f"{misses} of {load.requests} requests reached the origin")
    lines = _lines(server, log, load.requests)
    if abs(lines - load.requests) > _slack(server, load.requests):
        complaints.append(f"{lines} lines were logged for {load.requests} requests")
    each = cost / load.requests * 1e6 if load.requests else 0.0
    ours = [int(core) for core in server.setup.cores.split(",")]
    others = None if server.setup.shared else (
        max(0.0, sum(busy[core] for core in ours) - cost) / clock)
    return Figure(scenario.name, server.name, number, each, load.rate, load.requests, lines, misses,
                  others, complaints)


def _slack(server, requests):
    # A buffer of 64 KiB, before and after, and what was under way when the load ended.
    return 0.02 * requests + 600 + server.setup.connections


def _lines(server, since, requests):
    """The lines logged since. Buffers are written after a second; a log that lags is let come."""
    end = time.monotonic() + 3
    while True:
        lines = server.lines(since)
        if lines >= requests - _slack(server, requests) or time.monotonic() > end:
            return lines
        time.sleep(0.2)
