"""The command `flatchannels`: what people do with networks of their own.

A mistake ends in one line on standard error and exit code 1; words that are off end in argparse's usage and exit code 2.
"""

import argparse
import json
import sys
from collections.abc import Sequence

import flatchannels

INSPECT = """Look into the weights of a trained, fully connected network: dead and duplicate neurons, and channels, groups of
neurons with nearly equal input weights and large output weights that cancel. At infinity such a group is a gated linear unit."""
EXAMPLES = """examples:
  flatchannels inspect model.npz                          W1, b1, W2, b2, … with W of shape (out, in)
  flatchannels inspect model.safetensors --activation gelu
  flatchannels inspect state.pt --layers fc1.weight fc2.weight --json"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="flatchannels", description="Flat channels to infinity in the loss landscapes of neural networks.")
    top.add_argument("--version", action="version", version=flatchannels.__version__)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    inspect = commands.add_parser(
        "inspect", help="what stands in the weights of a network", description=INSPECT, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    inspect.add_argument(
        "model", metavar="MODEL", help=".npz, .safetensors, or a torch state_dict (.pt, .pth), of which no code is executed"
    )
    inspect.add_argument("--activation", metavar="NAME", help="between the layers; lets mirror images of neurons form groups")
    inspect.add_argument("--layers", nargs="+", default=[], metavar="NAME", help="the matrices to take, from the inputs to the outputs")
    inspect.add_argument("--json", action="store_true", help="print JSON: layers counted from 1, neurons from 0")
    inspect.set_defaults(function=_inspect)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    given = parser().parse_args(arguments)
    try:
        given.function(given)
    except ValueError as error:
        print(f"flatchannels: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of our output has gone
        sys.stderr.close()
        return 1
    return 0


def _inspect(given: argparse.Namespace) -> None:
    from flatchannels.inspection.formats import load
    from flatchannels.inspection.inspection import inspect

    found = [inspect(model, given.activation) for model in load(given.model, given.activation, given.layers)]
    if given.json:
        whole = found[0].to_json()
        for more in found[1:]:
            shift = len(whole["layers"])
            whole["layers"] += [layer | {"layer": layer["layer"] + shift} for layer in more.to_json()["layers"]]
            whole["parameters"] += more.model.parameters
        print(json.dumps(whole, ensure_ascii=False))
    else:
        print("\n".join(inspection.summary() for inspection in found))


if __name__ == "__main__":
    sys.exit(main())
