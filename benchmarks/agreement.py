"""Do the groups that `inspect` finds in the weights alone agree with the routes to infinity that the engine certifies with data?

    python benchmarks/agreement.py [--seeds 10] [--widths 4 8] [--activations softplus g erf]
    python benchmarks/agreement.py --results results

The first trains, on the Rosenbrock target in four dimensions; the second takes the runs and the tables of routes of the pipeline, and for
runs at the norm wall compares with the route that stands there. In finite minima nothing should be found. Duplicates, which are plateau
saddles, are no groups.
"""

import argparse
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from flatchannels.data.datasets import make
from flatchannels.inspection.checkpoints import read_end
from flatchannels.inspection.inspection import inspect
from flatchannels.inspection.model import Model, from_layers
from flatchannels.storage import run_records

SPEC = {"target": "rosenbrock", "inputs": "normal", "samples": 10_000}
KINDS = ("pair", "triple", "quadruple")
UNIT = re.compile(rf"(?:(\d+) )?(antiparallel )?({'|'.join(KINDS)})(?: in layer \d+)?")

End = tuple[str, Model, str, str]  # activation, weights, verdict ("finite minimum" inside the wall), route


def main() -> None:
    """Compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--widths", type=int, nargs="+", default=[4, 8])
    parser.add_argument("--activations", nargs="+", default=["softplus", "g", "erf"])
    parser.add_argument("--results", type=Path, metavar="DIR", help="a folder of results of the pipeline")
    given = parser.parse_args()
    ends = recorded(given.results) if given.results else trained(given.activations, given.widths, given.seeds)
    counts, routes = Counter[tuple[str, str, str]](), Counter[tuple[str, str, str]]()
    for activation, model, verdict, route in ends:
        groups = [group for _, group in inspect(model, activation).groups]
        found = Counter(f"{'antiparallel ' * (min(group.signs) < 0)}{group.kind}" for group in groups)
        routes[verdict, route, named(found)] += 1
        counts[verdict, named(units(route)) if units(route) else "no groups", agreement(units(route), found)] += 1
    print(f"{'verdict':16} {'route':44} {'found in the weights':40} runs")
    for (verdict, route, names), count in sorted(routes.items()):
        print(f"{verdict:16} {route:44} {names:40} {count}")
    print(f"\n| {'verdict':16} | {'groups on the route':40} | {'found in the weights':22} | runs |\n|---|---|---|---|")
    for (verdict, route, result), count in sorted(counts.items()):
        print(f"| {verdict:16} | {route:40} | {result:22} | {count} |")


def units(route: str) -> Counter[str]:
    """The groups of neurons in the name of a route, which may have other units too: steep, linear, exponential neurons."""
    found: Counter[str] = Counter()
    for number, antiparallel, kind in UNIT.findall(route):
        found[antiparallel + kind] += int(number or 1)
    return found


def named(found: Counter[str]) -> str:
    """2 pair + triple"""
    return " + ".join(f"{count} {name}" if count > 1 else name for name, count in sorted(found.items())) or "nothing"


def agreement(expected: Counter[str], found: Counter[str]) -> str:
    """How what was found relates to what is there."""
    if found == expected:
        return "nothing" if not found else "the same"
    if not found:
        return "nothing, though"
    return "more" if found > expected else "fewer" if found < expected else "others"


def trained(activations: list[str], widths: list[int], seeds: int) -> Iterator[End]:
    """Runs made for this comparison."""
    from flatchannels import Network, train
    from flatchannels.infinity.routes import find_route
    from flatchannels.reasons import Stop

    data = make(SPEC, 4, 1, "agreement-d4")
    for activation in activations:
        for width in widths:
            net = Network(4, (width,), activation)
            for seed in range(1, seeds + 1):
                run = train(net, data, seed=seed)
                model = from_layers(net.unpack(run.theta))
                if run.stop != Stop.WALL:
                    yield activation, model, "finite minimum", ""
                else:
                    route = find_route(net, data, run.theta)
                    yield activation, model, route.verdict, route.route


def place(record: str | Path) -> tuple[str, ...]:
    """Where a record lies in a folder of results, wherever that is."""
    parts = Path(record).parts
    return parts[len(parts) - parts[::-1].index("runs") :]


def recorded(results: Path) -> Iterator[End]:
    """Runs of the pipeline whose route stands in a table, and those that ended inside the wall."""
    tables = [pd.read_parquet(path, columns=["record", "seed", "route", "verdict"]) for path in sorted(results.glob("routes/**/*.parquet"))]
    known = {(place(row.record), row.seed): row for table in tables for row in table.itertuples()}
    without = 0
    for path in sorted(results.glob("runs/**/*.npz")):
        meta, arrays = run_records.read_runs(path, ["seed", "stop"])
        for seed, stop in zip(arrays["seed"].tolist(), arrays["stop"]):
            row = known.get((place(path), seed))
            if stop == meta["stop_codes"]["FAILED"]:
                continue
            if row is not None:
                yield meta["activation"], read_end(path, seed), row.verdict, row.route
            elif stop in {meta["stop_codes"][name] for name in ("STATIONARY", "FLAT", "LINEAR", "EXACT")}:
                yield meta["activation"], read_end(path, seed), "finite minimum", ""
            else:
                without += 1
    if without:
        print(f"{without} runs at the wall or at a limit have no row in a table of routes, and are left out\n")


if __name__ == "__main__":
    main()
