"""One figure: what a server's processes cost for each request of a load, and every reason not to
believe it. A figure with a complaint is no figure."""

import dataclasses
import time

from rig.client import fetch_all, fetch_tls


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
    complaints: list


def prepare(server, scenarios, origin):
    """Fetches what the scenarios ask for, three times: some caches store nothing that was asked for
    once. The third time everything has to come from the cache, and each time be right."""
    paths = [path for scenario in scenarios for path in scenario.proves]
    complaints = []
    for _ in range(3):
        before = origin.asked()
        complaints += fetch_all(server.plain, paths, origin.body)
        for path in filter(origin.pages.get, dict.fromkeys(paths)):
            complaints += fetch_tls(server.secure, path, origin.body(path))
    missed = origin.asked() - before
    if missed:
        complaints.append(f"{missed} of {len(paths)} pages were still not stored")
    return complaints


def measure(server, scenario, number, origin, scripts, cores, seconds):
    """Runs one load and weighs it."""
    asked, log, began = origin.asked(), server.logged(), server.cpu()
    load = scenario.load(server, scripts, cores, seconds)
    cost = server.cpu() - began
    misses = origin.asked() - asked
    complaints = load.complaints
    complaints += [f"{program} has ended" for program in server.dead()]
    least, most = (share * load.requests for share in scenario.misses)
    # What was under way when the load ended may have been asked for, and not counted.
    if not least * 0.98 <= misses <= most + (server.setup.connections if most else 0):
        complaints.append(f"{misses} of {load.requests} requests reached the origin")
    lines = _lines(server, log, load.requests)
    if abs(lines - load.requests) > _slack(load.requests):
        complaints.append(f"{lines} lines were logged for {load.requests} requests")
    each = cost / load.requests * 1e6 if load.requests else 0.0
    return Figure(scenario.name, server.name, number, each, load.rate, load.requests, lines, misses,
                  complaints)


def _slack(requests):
    # A buffer of 64 KiB, before and after, and what was under way when the load ended.
    return 0.02 * requests + 1200


def _lines(server, since, requests):
    """The lines logged since. Buffers are written after a second; a log that lags is let come."""
    end = time.monotonic() + 3
    while True:
        lines = server.lines(since)
        if lines >= requests - _slack(requests) or time.monotonic() > end:
            return lines
        time.sleep(0.2)
