"""`flatchannels inspect`: what stands in the weights of a network."""

import argparse
import json
from typing import Any

from flatchannels.inspection.certificate import Certificate
from flatchannels.inspection.losses import LOSSES
from flatchannels.inspection.model import Model
from flatchannels.inspection.samples import Samples
from flatchannels.inspection.structure import LayerStructure

DESCRIPTION = """Look into the weights of a trained, fully connected network: dead and duplicate neurons, and channels, groups of
neurons with nearly equal input weights and large output weights that cancel. At infinity such a group is a gated linear unit.

With --data it also says by how much the loss changes when each group is replaced by that unit, or by one merged neuron; whether
the loss falls towards infinity (h > 0); gradient and curvature; and, for one output and the mean squared error, whether there is a
minimum at infinity, and its loss."""
EXAMPLES = """examples:
  flatchannels inspect model.npz                          W1, b1, W2, b2, … with W of shape (out, in)
  flatchannels inspect model.safetensors --activation gelu
  flatchannels inspect state.pt --layers fc1.weight fc2.weight --json
  flatchannels inspect model.npz --activation tanh --data data.csv         a column y, all others inputs
  flatchannels inspect model.npz --activation relu --data data.npz --loss cross-entropy      x (N, d), y the classes

exit codes: 0 inspected, whatever was found; 2 a file or word that makes no sense"""


def add_to(commands: Any) -> None:
    """Add the command to the sub-parsers."""
    parser = commands.add_parser(
        "inspect", help="what stands in the weights of a network", description=DESCRIPTION, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add = parser.add_argument
    add("model", metavar="MODEL", help=".npz, .safetensors, or a torch state_dict (.pt, .pth), of which no code is executed")
    add("--activation", metavar="NAME", help="between the layers; lets mirror images of neurons form groups, and is needed with data")
    add("--layers", nargs="+", default=[], metavar="NAME", help="the matrices to take, from the inputs to the outputs")
    add("--data", metavar="DATA", help=".npz with x (N, d) and y (N,) or (N, outputs), .csv or .parquet with a column y")
    add("--loss", choices=list(LOSSES), default="mse", help="mse: averaged over samples and outputs; cross-entropy: of logits")
    add("--no-hessian", action="store_true", help="leave out its eigenvalues, which for large networks take longest")
    add("--no-certificate", action="store_true", help="leave out the search for a minimum at infinity")
    add("--json", action="store_true", help="print JSON: layers counted from 1, neurons from 0")
    parser.set_defaults(function=run)


def run(given: argparse.Namespace) -> None:
    """Inspect, and print."""
    from flatchannels.inspection.formats import ModelError, load
    from flatchannels.inspection.inspection import inspect
    from flatchannels.inspection.samples import read_samples

    models = load(given.model, given.activation, given.layers)
    if given.data is None:
        found = [inspect(model, given.activation) for model in models]
    else:
        if len(models) > 1:
            names = "; ".join(" ".join(layer.name for layer in model.layers) for model in models)
            raise ModelError(f"{given.model} has {len(models)} chains of layers ({names}); with data name one of them with --layers")
        samples = read_samples(given.data, models[0], given.loss)
        certify = None if given.no_certificate else _certify
        found = [inspect(models[0], given.activation, samples, given.loss, not given.no_hessian, certify)]
    if given.json:
        whole = found[0].to_json()
        for more in found[1:]:
            shift = len(whole["layers"])
            whole["layers"] += [layer | {"layer": layer["layer"] + shift} for layer in more.to_json()["layers"]]
            whole["parameters"] += more.model.parameters
        print(json.dumps(whole, ensure_ascii=False))
    else:
        print("\n".join(inspection.summary() for inspection in found))


def _certify(model: Model, structures: tuple[LayerStructure, ...], samples: Samples) -> Certificate:
    """`certified.certificate`, imported when it is called: the compiled engine takes half a second."""
    from flatchannels.certified import certificate

    return certificate(model, structures, samples)
