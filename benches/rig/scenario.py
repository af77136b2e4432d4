"""What is asked of the servers, and what is to be reached."""

import dataclasses
from collections.abc import Callable

from rig.load import h2load, wrk
from rig.origin import OBJECT, SIZES, object_path
from rig.server import ROOMY, Setup

CACHES = ("tidegate", "nginx", "haproxy", "varnish", "ats")


@dataclasses.dataclass(frozen=True)
class Scenario:
    """One row of the table."""

    name: str
    about: str
    # (server, scripts' folder, cores, seconds) → Load
    load: Callable
    # Targets: this many times the CPU time of the best of these, at most.
    targets: tuple
    # Which share of its requests may reach the origin: at least, at most.
    misses: tuple = (0.0, 0.0)
    setup: Setup = ROOMY
    # Pages that must be right before it is worth measuring.
    proves: tuple = ()
    entrants: tuple = CACHES


def page(name, size, target, **more):
    """Hits of one page over HTTP/1.1."""
    path = f"/pages/{size}"

    def load(server, scripts, cores, seconds):
        return wrk(cores, f"http://127.0.0.1:{server.plain}{path}", seconds, SIZES[size], **more)

    return Scenario(name, f"{size} over HTTP/1.1", load, ((target, CACHES),), proves=(path,))


def secure(name, about, size, target, generator, **more):
    """Hits of one page over TLS."""
    path = f"/pages/{size}"

    def load(server, scripts, cores, seconds):
        url = f"https://127.0.0.1:{server.secure}{path}"
        return generator(cores, url, seconds, SIZES[size], **more)

    return Scenario(name, about, load, ((target, CACHES),), proves=(path,))


def zipf(server, scripts, cores, seconds):
    url = f"http://127.0.0.1:{server.plain}/"
    return wrk(cores, url, seconds, OBJECT, script=scripts / "zipf.lua", arguments=(ZIPF,))


ZIPF = 10_000

SCENARIOS = (
    page("h1-1k", "1k", 0.90),
    Scenario("h1-zipf", "10 000 objects of 1 KiB, Zipf", zipf, ((0.90, CACHES),),
             proves=tuple(object_path(number) for number in range(ZIPF))),
    page("h1-20k", "20k", 0.90),
    page("h1-100k", "100k", 0.90),
    page("h1-1m", "1m", 0.90, connections=16),
    secure("h1tls-1k", "1k over HTTP/1.1 and TLS", "1k", 0.80, wrk),
    secure("h2tls-1k", "1k over HTTP/2 and TLS", "1k", 0.95, h2load),
    secure("h2tls-20k", "20k over HTTP/2 and TLS", "20k", 0.90, h2load),
    secure("handshake", "a TLS connection for each request", "1k", 0.60, wrk,
           connections=16, fields={"Connection": "close"}),
)

# Scripts for wrk. Requests are put together before the load begins, as far as they can be.
LUA = {
    # The logarithm of the rank is uniform, which is Zipf's law with exponent 1.
    "zipf.lua": """
local requests, picks, next = {}, {}, 0
function init(arguments)
  local objects = tonumber(arguments[1])
  for i = 1, objects do requests[i] = wrk.format("GET", string.format("/objects/%08d", i - 1)) end
  math.randomseed(42)
  for i = 1, 65536 do picks[i] = math.floor(objects ^ math.random()) end
end
function request()
  next = next % 65536 + 1
  return requests[picks[next]]
end
""",
}
