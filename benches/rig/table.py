"""Medians with their spread, and the ratio that a target is about."""

import dataclasses
import json
import statistics

from rig.measure import told

# Kernel threads and clocks use less than this share of a core.
QUIET = 0.03


def of(figures, scenario, server):
    return [each for each in figures if (each.scenario, each.server) == (scenario, server)]


def valid(figures):
    return bool(figures) and not any(each.complaints for each in figures)


def median(figures):
    return statistics.median(each.cost for each in figures)


def spread(values, digits):
    return f"[{min(values):.{digits}f}-{max(values):.{digits}f}]"


def ratios(figures, scenario, rivals):
    """(ratio of the medians, ratios of the rounds, name) against the best of the rivals."""
    ours = of(figures, scenario, "tidegate")
    theirs = {name: of(figures, scenario, name) for name in rivals if name != "tidegate"}
    theirs = {name: rounds for name, rounds in theirs.items() if valid(rounds)}
    if not valid(ours) or not theirs:
        return None
    best = min(theirs, key=lambda name: median(theirs[name]))
    rounds = [our.cost / their.cost for our, their in zip(ours, theirs[best])]
    return median(ours) / median(theirs[best]), rounds, best


def verdicts(figures, scenario):
    """A phrase for each target: the ratio, its spread, the peer, and whether it is reached."""
    for target, rivals in scenario.targets:
        found = ratios(figures, scenario.name, rivals)
        if found is None:
            yield "no ratio"
            continue
        ratio, rounds, best = found
        word = "reached" if ratio <= target else "MISSED"
        yield f"{ratio:.2f} {spread(rounds, 2)} of {best}, target {target:.2f}: {word}"


def scaling(figures):
    """What a second worker brings, as a phrase; nothing where it was not measured.

    Two cores have to hold the clients too. So each core has a load of its own: with one worker,
    server and load share core 0; with two, both cores do the same. The rate then doubles if nothing
    stands between the workers, but the clients' share, which always doubles, hides a part of what
    does. The servers' CPU time alone hides nothing: two workers that each take twice as long for a
    request are worth one. Both ratios are told; the lower one counts.
    """
    one, two = of(figures, "scale-1", "tidegate"), of(figures, "scale-2", "tidegate")
    if not valid(one) or not valid(two):
        return None
    rates = [b.rate / a.rate for a, b in zip(one, two)]
    worth = [2 * a.cost / b.cost for a, b in zip(one, two)]
    least = min(statistics.median(rates), statistics.median(worth))
    return (f"two workers give {statistics.median(rates):.2f} {spread(rates, 2)} times the rate of "
            f"one,\n{'':15}and {statistics.median(worth):.2f} {spread(worth, 2)} times the requests "
            f"a CPU second x workers, target 1.80: {'reached' if least >= 1.8 else 'MISSED'}")


def show(figures, scenarios, servers):
    """Prints it all; two lines a scenario."""
    names = [name for name in servers if any(each.server == name for each in figures)]
    print("\nCPU microseconds a request of the whole process tree: median [lowest-highest];")
    print("below it requests a second (with the clients on one core of their own: no limit of a")
    print("server that they cannot saturate), then tidegate's ratio to the best.\n")
    print(f"{'':11}" + "".join(f"{name:>24}" for name in names))
    for scenario in scenarios:
        costs, rates = f"{scenario.name:11}", f"{'':11}"
        for name in names:
            rounds = of(figures, scenario.name, name)
            if not rounds:
                costs, rates = costs + f"{'-':>24}", rates + f"{'':>24}"
            elif not valid(rounds):
                costs, rates = costs + f"{'INVALID':>24}", rates + f"{'':>24}"
            else:
                digits = 2 if median(rounds) < 100 else 0
                cost = f"{median(rounds):.{digits}f} {spread([e.cost for e in rounds], digits)}"
                rate = statistics.median(each.rate for each in rounds)
                costs, rates = costs + f"{cost:>24}", rates + f"{rate:>24.0f}"
        print(costs, rates, sep="\n")
        for verdict in verdicts(figures, scenario):
            print(f"{'':11}    {verdict}")
    if scaling(figures):
        print(f"{'':11}    {scaling(figures)}")
    used = [each.others for each in figures if each.others is not None]
    if used and statistics.median(used) > QUIET:
        print(f"\nOthers used {statistics.median(used):.0%} (at most {max(used):.0%}) of the "
              "server's core: these are no figures to show.")


def complaints(figures):
    """Each reason why a figure is invalid, as a line."""
    return [f"{each.scenario}, {each.server}, round {each.round}: {complaint}"
            for each in figures for complaint in told(each.complaints)]


def write(path, told, figures, scenarios):
    """Everything, for whoever reckons on."""
    medians = {}
    for scenario in scenarios:
        for name in {each.server for each in figures if each.scenario == scenario.name}:
            rounds = of(figures, scenario.name, name)
            medians.setdefault(scenario.name, {})[name] = median(rounds) if valid(rounds) else None
    with open(path, "w") as out:
        json.dump({"servers": told, "microseconds": medians,
                   "figures": [dataclasses.asdict(each) for each in figures]}, out, indent=1)
