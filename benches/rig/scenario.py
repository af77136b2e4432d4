"""What is asked of the servers, and what is to be reached."""

import dataclasses
from collections.abc import Callable

from rig import prepare
from rig.load import both, h2load, wrk
from rig.origin import OBJECT, SIZES, object_path
from rig.server import Setup

CACHES = ("tidegate", "nginx", "haproxy", "varnish", "ats")

ROOMY = Setup("roomy")
PROXY = Setup("proxy")
FULL = Setup("full", objects=prepare.FITS, connections=1000)
ONE = Setup("one", shared=True)
TWO = Setup("two", cores="0,1", workers=2, connections=128, shared=True)


@dataclasses.dataclass(frozen=True)
class Scenario:
    """One row of the table."""

    name: str
    about: str
    # (server, scripts' folder, clients' cores, seconds) → Load
    load: Callable
    # Targets: at most this many times the CPU time of the best of these.
    targets: tuple = ()
    # Which share of its requests may reach the origin: at least, at most.
    misses: tuple = (0.0, 0.0)
    setup: Setup = ROOMY
    # Makes the server ready: (server, paths, origin) → complaints.
    prepare: Callable = prepare.stored
    # Seconds of the same load before it is weighed, for code, pools, and what is popular.
    warm: int = 1
    # What must be right before it is worth measuring.
    paths: tuple = ()
    entrants: tuple = CACHES


def page(name, about, size, target, generator=wrk, tls=False, fields=None, connections=None):
    """Hits of one page."""
    path = f"/pages/{size}"
    more = {key: value for key, value in
            (("fields", fields), ("connections", connections)) if value}

    def load(server, scripts, cores, seconds):
        url = f"https://127.0.0.1:{server.secure}" if tls else f"http://127.0.0.1:{server.plain}"
        return generator(cores, url + path, seconds, SIZES[size], **more)

    return Scenario(name, about, load, ((target, CACHES),), paths=(path,))


def passed(name, path, field):
    """A page that no shared cache may keep."""

    def load(server, scripts, cores, seconds):
        url = f"http://127.0.0.1:{server.plain}{path}"
        return wrk(cores, url, seconds, SIZES[path.rsplit("/", 1)[1]])

    return Scenario(name, f"Cache-Control: {field}", load, ((1.00, ("haproxy-plain",)),),
                    misses=(1.0, 1.0), setup=PROXY, prepare=prepare.right, paths=(path,),
                    entrants=("tidegate", "haproxy-plain"))


def zipf(server, scripts, cores, seconds):
    return scripted(server, scripts / "zipf.lua", cores, seconds, ZIPF)


def full(server, scripts, cores, seconds):
    return scripted(server, scripts / "full.lua", cores, seconds, prepare.HOT, next(server.unseen),
                    connections=FULL.connections)


def miss(server, scripts, cores, seconds):
    return scripted(server, scripts / "miss.lua", cores, seconds, next(server.unseen))


def scripted(server, script, cores, seconds, *arguments, **more):
    url = f"http://127.0.0.1:{server.plain}/"
    return wrk(cores, url, seconds, OBJECT, script=script, arguments=arguments, **more)


def scale(server, scripts, cores, seconds):
    """A load of the same kind on each of the server's cores; `table.scaling` says why."""
    url = f"http://127.0.0.1:{server.plain}/pages/1k"
    return both(lambda core: wrk(core, url, seconds, SIZES["1k"]), server.setup.cores.split(","))


ZIPF = 10_000

SCENARIOS = (
    page("h1-1k", "hits of 1 KiB over HTTP/1.1", "1k", 0.90),
    Scenario("h1-zipf", "hits of 10 000 objects of 1 KiB, by Zipf's law", zipf, ((0.90, CACHES),),
             paths=tuple(map(object_path, range(ZIPF)))),
    page("h1-20k", "hits of 20 KiB", "20k", 0.90),
    page("h1-100k", "hits of 100 KiB", "100k", 0.90),
    page("h1-1m", "hits of 1 MiB, 16 connections", "1m", 0.90, connections=16),
    page("h1tls-1k", "hits of 1 KiB over HTTP/1.1 and TLS", "1k", 0.80, tls=True),
    page("h2tls-1k", "hits of 1 KiB over HTTP/2, 16 x 16 streams", "1k", 0.95, h2load, tls=True),
    page("h2tls-20k", "hits of 20 KiB over HTTP/2", "20k", 0.90, h2load, tls=True),
    page("handshake", "a TLS connection for each hit of 1 KiB", "1k", 0.60, tls=True,
         connections=16, fields={"Connection": "close"}),
    # A miss in twenty, each of an object never seen: every cache has the same ones.
    Scenario("full", "a full cache, 5 % misses, 1 000 connections", full, ((0.90, CACHES),),
             misses=(0.045, 0.07), setup=FULL, prepare=prepare.crowded, warm=4),
    Scenario("miss", "every object is new, and stored", miss,
             ((0.90, ("haproxy",)), (1.10, ("haproxy-plain",))),
             misses=(1.0, 1.0), setup=PROXY, prepare=prepare.right,
             entrants=("tidegate", "haproxy", "haproxy-plain")),
    passed("pass-1k", "/private/1k", "private, 1 KiB"),
    passed("pass-100k", "/no-store/100k", "no-store, 100 KiB"),
    Scenario("scale-1", "one worker, one core, hits of 1 KiB", scale, setup=ONE,
             paths=("/pages/1k",), entrants=("tidegate",)),
    Scenario("scale-2", "two workers, two cores, hits of 1 KiB", scale, setup=TWO,
             paths=("/pages/1k",), entrants=("tidegate",)),
)

# Scripts for wrk. Requests are put together before the load begins, as far as they can be.
# The logarithm of a Zipf rank is uniform; that is Zipf's law with exponent 1.
OBJECTS = """
local requests, picks, next = {}, {}, 0
local function object(number) return wrk.format("GET", string.format("/objects/%08d", number)) end
local function popular(objects)
  for i = 1, objects do requests[i] = object(i - 1) end
  math.randomseed(42)
  for i = 1, 65536 do picks[i] = math.floor(objects ^ math.random()) end
end
"""
LUA = {
    "zipf.lua": OBJECTS + """
function init(arguments) popular(tonumber(arguments[1])) end
function request()
  next = next % 65536 + 1
  return requests[picks[next]]
end
""",
    "full.lua": OBJECTS + """
local unseen
function init(arguments)
  popular(tonumber(arguments[1]))
  unseen = tonumber(arguments[2])
end
function request()
  next = next + 1
  if next % 20 == 0 then
    unseen = unseen + 1
    return object(unseen)
  end
  return requests[picks[next % 65536 + 1]]
end
""",
    "miss.lua": OBJECTS + """
local unseen
function init(arguments) unseen = tonumber(arguments[1]) end
function request()
  unseen = unseen + 1
  return object(unseen)
end
""",
}
