"""Do the groups that `inspect` finds in the weights alone agree with the routes to infinity that the engine certifies with data?

    python benchmarks/agreement.py [--seeds 10] [--widths 4 8] [--activations softplus g erf]

Runs on the Rosenbrock target in four dimensions. Of those at the norm wall the table has the engine's route and verdict against what
`inspect` finds; in finite minima nothing should be found. For certified routes of pairs the neurons are compared too.
"""

import argparse
import re
from collections import Counter

from flatchannels import Network, train
from flatchannels.data.datasets import make
from flatchannels.infinity.routes import find_route
from flatchannels.inspection.inspection import inspect
from flatchannels.reasons import Stop

SPEC = {"target": "rosenbrock", "inputs": "normal", "samples": 10_000}


def main() -> None:
    """Train, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--widths", type=int, nargs="+", default=[4, 8])
    parser.add_argument("--activations", nargs="+", default=["softplus", "g", "erf"])
    given = parser.parse_args()
    data, counts = make(SPEC, 4, 1, "agreement-d4"), Counter()
    same = certified = 0
    for activation in given.activations:
        for width in given.widths:
            net = Network(4, (width,), activation)
            for seed in range(1, given.seeds + 1):
                run = train(net, data, seed=seed)
                found = inspect(net.unpack(run.theta), activation)
                groups = [group for _, group in found.groups]
                names = " + ".join(sorted(f"{'antiparallel ' * (min(group.signs) < 0)}{group.kind}" for group in groups)) or "nothing"
                if run.stop != Stop.WALL:
                    counts["finite", "", names] += 1
                    continue
                route = find_route(net, data, run.theta)
                counts[route.route, route.verdict, names] += 1
                if route.verdict == "certified" and re.fullmatch(r"(\d+ )?pair", route.route):
                    certified += 1
                    same += {tuple(sorted(pair[1:])) for pair in route.pairs} == {group.neurons for group in groups}
    print(f"{'route':40} {'verdict':12} {'found in the weights':30} runs")
    for (route, verdict, names), count in sorted(counts.items()):
        print(f"{route:40} {verdict:12} {names:30} {count}")
    print(f"certified routes of pairs alone with exactly these pairs found: {same} of {certified}")


if __name__ == "__main__":
    main()
