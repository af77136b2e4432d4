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


def ratio(figures, scenario, rivals):
    """(ratio of the medians, ratios of the rounds, name) against the best of the rivals, all of
    them valid; none where somebody is missing."""
    ours = of(figures, scenario, "tidegate")
    theirs = {name: of(figures, scenario, name) for name in rivals if name != "tidegate"}
    theirs = {name: rounds for name, rounds in theirs.items() if rounds}
    if not ours or not theirs:
        return None
    best = min(theirs, key=lambda name: median(theirs[name]))
    rounds = [our.cost / their.cost for our, their in zip(ours, theirs[best])]
    return median(ours) / median(theirs[best]), rounds, best


def cost(figures):
    """The median with its spread, with as many digits as it deserves."""
    digits = 2 if median(figures) < 100 else 0
    return f"{median(figures):.{digits}f} {spread([each.cost for each in figures], digits)}"


def show(figures, scenarios, servers):
    """Everything by scenario, then the targets as a table for a README."""
    print("\nCPU microseconds a request, of the whole process tree: median [lowest-highest] of the "
          "rounds;\nrequests a second, where the clients' core allows more or not: median")
    for scenario in scenarios:
        print(f"\n{scenario.name}: {scenario.about}")
        for name in servers:
            rounds = of(figures, scenario.name, name)
            if valid(rounds):
                rate = statistics.median(each.rate for each in rounds)
                print(f"  {name:14} {cost(rounds):>28} us {rate:>9.0f}/s")
            elif rounds:
                print(f"  {name:14} {'INVALID':>28}")
    print("\n| scenario | tidegate, us | best peer, us | ratio | target | |")
    print("|---|---|---|---|---|---|")
    for scenario in scenarios:
        for target, rivals in scenario.targets:
            found = ratio(figures, scenario.name, rivals)
            wrong = [name for name in ("tidegate", *rivals)
                     if complaints(of(figures, scenario.name, name))]
            if wrong:
                print(f"| {scenario.name} | - | - | - | {target:.2f} | INVALID: {wrong[0]} |")
            elif found:
                middle, rounds, best = found
                ours, theirs = (cost(of(figures, scenario.name, n)) for n in ("tidegate", best))
                print(f"| {scenario.name} | {ours} | {best} {theirs} | {middle:.2f} "
                      f"{spread(rounds, 2)} | {target:.2f} | {verdict(middle <= target)} |")
            else:
                print(f"| {scenario.name} | - | - | - | {target:.2f} | not measured |")
    scaling(figures)
    used = [each.others for each in figures if each.others is not None]
    if used and statistics.median(used) > QUIET:
        print(f"\nOthers used {statistics.median(used):.0%} (at most {max(used):.0%}) of the "
              "server's core: these are no figures to show.")


def verdict(reached):
    return "reached" if reached else "MISSED"


def scaling(figures):
    """What a second worker brings, where that was measured.

    Two cores have to hold the clients too. So each core has a load of its own, whose connections come
    to the worker there: with one worker, server and load share core 0; with two, both cores do the
    same. The rate then doubles if nothing stands between the workers, but the clients' share, which
    always doubles, hides a part of what does. The server's CPU time alone hides nothing: two workers
    that each take twice as long for a request are worth one. Both ratios are told; the lower one
    counts.
    """
    one, two = of(figures, "scale-1", "tidegate"), of(figures, "scale-2", "tidegate")
    if not valid(one) or not valid(two):
        return
    rates = [b.rate / a.rate for a, b in zip(one, two)]
    worth = [2 * a.cost / b.cost for a, b in zip(one, two)]
    least = min(statistics.median(rates), statistics.median(worth))
    print(f"\nTwo workers give {statistics.median(rates):.2f} {spread(rates, 2)} times the rate of "
          f"one,\nand {statistics.median(worth):.2f} {spread(worth, 2)} times the requests for the "
          f"CPU time of both; target 1.80: {verdict(least >= 1.8)}")


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
