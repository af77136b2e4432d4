"""wrk and h2load on the clients' core, and whether their answers are to be believed."""

import concurrent.futures
import dataclasses
import re
import subprocess

from rig.client import BROWSER, HOST
from rig.process import program

UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


@dataclasses.dataclass
class Load:
    """What a generator saw: answers, its own time, and reasons not to believe the figure."""

    requests: int
    seconds: float
    complaints: list

    @property
    def rate(self):
        return self.requests / self.seconds if self.seconds else 0.0


def wrk(cores, url, seconds, size, connections=64, script=None, arguments=(), fields=None):
    """Loads `url` over HTTP/1.1; every answer has a body of `size` bytes."""
    argv = ["taskset", "-c", cores, program("wrk"), "-t1", f"-c{connections}", f"-d{seconds}s"]
    for name, value in {"Host": HOST, **BROWSER, **(fields or {})}.items():
        argv += ["-H", f"{name}: {value}"]
    if script:
        argv += ["-s", str(script)]
    argv += [url]
    if arguments:
        argv += ["--", *map(str, arguments)]
    status, said = _said(argv, seconds)
    ran = re.search(r"(\d+) requests in ([\d.]+)(m?s|m), ([\d.]+)([KMGT]?)B read", said)
    if status != 0 or ran is None or int(ran.group(1)) == 0:
        return Load(0, 0.0, [f"wrk ended with {status}: {said[-400:]}"])
    requests = int(ran.group(1))
    took = float(ran.group(2)) * {"ms": 0.001, "s": 1, "m": 60}[ran.group(3)]
    read = float(ran.group(4)) * UNITS[ran.group(5)]
    complaints = re.findall(r"(Non-2xx.*|Socket errors.*|unable to.*)", said)
    # It takes a redirect or a 304 for success; those have no body. What it read is rounded.
    if read < 0.99 * requests * size:
        complaints.append(f"wrk read {read:.0f} bytes in {requests} answers of {size} and more")
    return Load(requests, took, complaints)


def h2load(cores, url, seconds, size, connections=16, streams=16):
    """Loads `url` over HTTP/2 and TLS; every answer has a body of `size` bytes."""
    argv = ["taskset", "-c", cores, program("h2load"), "-t1", f"-c{connections}", f"-m{streams}",
            f"-D{seconds}", "--warm-up-time=0", "-H", f":authority: {HOST}"]
    for name, value in BROWSER.items():
        argv += ["-H", f"{name}: {value}"]
    status, said = _said([*argv, url], seconds)
    ran = re.search(r"finished in ([\d.]+)(m?s)", said)
    told = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", said)
    codes = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", said)
    data = re.search(r"\((\d+)\) data", said)
    if status != 0 or None in (ran, told, codes, data) or int(told.group(1)) == 0:
        return Load(0, 0.0, [f"h2load ended with {status}: {said[-400:]}"])
    requests = int(told.group(1))
    complaints = []
    if any(map(int, told.groups()[1:])) or any(map(int, codes.groups()[1:])):
        complaints.append(f"{told.group()}; {codes.group()}")
    if "Application protocol: h2" not in said:
        complaints.append("no HTTP/2 was agreed on")
    if int(data.group(1)) < requests * size:
        complaints.append(f"h2load read {data.group(1)} bytes in {requests} answers of {size}")
    took = float(ran.group(1)) * (0.001 if ran.group(2) == "ms" else 1)
    return Load(requests, took, complaints)


def both(load, cores):
    """Runs `load(core)` for each of `cores` at once, and adds them up."""
    with concurrent.futures.ThreadPoolExecutor() as threads:
        loads = list(threads.map(load, cores))
    complaints = [complaint for each in loads for complaint in each.complaints]
    return Load(sum(each.requests for each in loads), max(each.seconds for each in loads),
                complaints)


def _said(argv, seconds):
    try:
        ended = subprocess.run(argv, capture_output=True, text=True, timeout=seconds + 30)
    except subprocess.TimeoutExpired:
        return "a timeout", ""
    return ended.returncode, ended.stdout + ended.stderr
