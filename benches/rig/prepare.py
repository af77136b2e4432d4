"""Makes a server ready for a scenario, and proves that it is: each returns complaints."""

from rig.client import fetch_all, fetch_tls
from rig.origin import object_path

# A full cache: of this many objects, the last of them hot, about so many fit.
OBJECTS, FITS, HOT = 100_000, 60_000, 20_000


def stored(server, paths, origin):
    """Fetches everything three times, as some caches store nothing that was asked for once. Each
    answer has to be right, and the third not to come from the origin."""
    complaints = []
    for _ in range(3):
        before = origin.asked()
        complaints += right(server, paths, origin)
    missed = origin.asked() - before
    if missed:
        complaints.append(f"{missed} of {len(paths)} pages were still not stored")
    return complaints


def right(server, paths, origin):
    """Fetches everything once, pages over TLS too."""
    complaints = fetch_all(server.plain, paths, origin.body)
    for path in filter(origin.pages.get, paths):
        complaints += fetch_tls(server.secure, path, origin.body(path))
    return complaints


def crowded(server, paths, origin):
    """Fetches more than fits, then what is hot, twice. A cache that had room for all of it is not
    what the scenario is about; one that does not keep what is hot will miss too often later."""
    cold = [object_path(number) for number in range(HOT, OBJECTS)]
    hot = [object_path(number) for number in range(HOT)]
    complaints = []
    for batch in (cold, hot, hot):
        complaints += fetch_all(server.plain, batch, origin.body, connections=32)
    before = origin.asked()
    some = cold[:: len(cold) // 2000]
    complaints += fetch_all(server.plain, some, origin.body)
    gone = (origin.asked() - before) / len(some)
    if gone < 0.2:
        complaints.append(f"the cache is not full: it has lost {gone:.1%} of the cold objects")
    return complaints
