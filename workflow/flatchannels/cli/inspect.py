"""`flatchannels inspect`: what stands in the weights of a network."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flatchannels.cli.words import whole
from flatchannels.inspection.certificate import Certificate
from flatchannels.inspection.checkpoints import Checkpoint
from flatchannels.inspection.history import History
from flatchannels.inspection.inspection import Inspection
from flatchannels.inspection.losses import LOSSES
from flatchannels.inspection.model import Model
from flatchannels.inspection.samples import Samples, read_samples
from flatchannels.inspection.structure import LayerStructure
from flatchannels.networks.activations import ACTIVATIONS
from flatchannels.runs.progress import Progress
from flatchannels.storage.atomic import check_writable

PICTURES = (".png", ".svg", ".pdf")
INSPECT = """Look into the weights of a trained, fully connected network: dead and duplicate neurons, and channels, groups of
neurons with nearly equal input weights and large output weights that cancel. At infinity such a group is a gated linear unit.

With --data it also says by how much the loss changes when each group is replaced by that unit, or by one merged neuron; whether
the loss falls towards infinity (h > 0); gradient and curvature; and, for one output and the mean squared error, whether there is a
minimum at infinity, and its loss. A file of weights does not tell what has none: the network is taken for fully connected layers
with the activation between them, and nothing after the last.

With several checkpoints of one training it says how ε, |a|, cosine and the largest eigenvalue went with the step, and whether as in a
channel: ε ∝ t^(−1/4) under gradient flow."""
INSPECT_EXAMPLES = """examples:
  flatchannels inspect model.npz                          W1, b1, W2, b2, … with W of shape (out, in)
  flatchannels inspect model.safetensors --activation gelu
  flatchannels inspect state.pt --layers fc1.weight fc2.weight --json
  flatchannels inspect model.npz --activation tanh --data data.csv         a column y, all others inputs
  flatchannels inspect model.npz --activation relu --data data.npz --loss cross-entropy      x (N, d), y the classes
  flatchannels inspect checkpoints/ --activation tanh --data data.npz --plot history.png     files step-100.pt, step-200.pt, …
  flatchannels inspect runs.npz --run 3 --history         a run of `flatchannels train`
  flatchannels inspect study --run 3 --data data.npz      of the folder of `train_many`

exit codes: 0 inspected, whatever was found; 2 a file or word that makes no sense"""


def add_to(commands: Any) -> None:
    """Add the command to the sub-parsers.

    Parameters
    ----------
    commands : argparse sub-parsers
    """
    parser = commands.add_parser(
        "inspect", help="what stands in the weights of a network", description=INSPECT, epilog=INSPECT_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add = parser.add_argument
    add("model", metavar="MODEL", help="file or folder: .npz, .safetensors, a torch state_dict (.pt, .pth, .ckpt, .bin), of "
        "which no code is executed, a record of `flatchannels train`, a folder of `train_many`, or a folder of checkpoints of one "
        "training")  # fmt: skip
    add("--activation", metavar="NAME", help=f"between the layers: {', '.join(ACTIVATIONS)}; lets mirror images of neurons form groups, "
        "and is needed with data")  # fmt: skip
    add("--layers", nargs="+", default=[], metavar="NAME", help="the matrices to take, from the inputs to the outputs")
    add("--data", metavar="DATA", help=".npz with x (N, d) and y (N,) or (N, outputs), .csv or .parquet with a column y")
    add(
        "--loss", choices=list(LOSSES), default="mse", help="mse: averaged over samples and outputs; cross-entropy: of logits (%(default)s)"
    )
    add("--run", type=whole, metavar="SEED", help="of a record, or of a folder of records: which run")
    add("--history", action="store_true", help="of these: follow the trajectory of the run, as the checkpoints of a folder")
    add("--plot", metavar="FILE", help="draw what was found: .png, .svg or .pdf")
    add("--no-hessian", action="store_true", help="leave out its eigenvalues, which for large networks take longest")
    add("--no-certificate", action="store_true", help="leave out the search for a minimum at infinity")
    add("--json", action="store_true", help="print JSON: layers counted from 1, neurons from 0")
    parser.set_defaults(function=run)


def run(given: argparse.Namespace) -> None:
    """Inspect, and print.

    Parameters
    ----------
    given : argparse.Namespace

    Raises
    ------
    ValueError
        As `inspect`.
    """
    from flatchannels.inspection.history import history
    from flatchannels.inspection.inspection import inspect

    if given.plot and Path(given.plot).suffix not in PICTURES:
        raise ValueError(f"plot is {given.plot}; the name must end with {', '.join(PICTURES)}")
    if given.plot:
        check_writable(given.plot)
    if given.data is None and given.loss != "mse":
        raise ValueError(f"loss is {given.loss}; it is of data, which --data names")
    chains = _checkpoints(given)
    options: dict[str, Any] = {"activation": given.activation}
    if given.data is not None:
        if len(chains) > 1:
            names = "; ".join(" ".join(layer.name for layer in chain[0].model.layers) for chain in chains)
            raise ValueError(f"{given.model} has {len(chains)} chains of layers ({names}); with data name one of them with --layers")
        options |= {"data": read_samples(given.data, chains[0][0].model, given.loss), "loss": given.loss}
        options |= {"hessian": not given.no_hessian, "certify": None if given.no_certificate else _certify}
    found: list[Inspection | History]
    if len(chains[0]) > 1:
        found = [history(chain, **options, progress=Progress("checkpoints")) for chain in chains]
    else:
        found = [inspect(chain[0].model, **options) for chain in chains]
    if given.plot:
        _draw(found, Path(given.plot))
    if given.json:
        print(json.dumps(_in_one([inspection.to_json() for inspection in found]), ensure_ascii=False))
    else:
        print("\n".join(inspection.summary() for inspection in found))


def _checkpoints(given: argparse.Namespace) -> list[list[Checkpoint]]:
    """For each chain of layers its checkpoints; of a file one."""
    from flatchannels.inspection.checkpoints import holds_records, read_end, read_folder, read_trajectory
    from flatchannels.inspection.formats import load

    if holds_records(given.model):
        if given.layers:
            what = "has records" if Path(given.model).is_dir() else "is a record"
            raise ValueError(f"{given.model} {what} of runs, whose layers are known; --layers is for other files")
        if given.history:
            return [read_trajectory(given.model, given.run)]
        return [[Checkpoint(0.0, given.model, read_end(given.model, given.run))]]
    if given.history or given.run is not None:
        raise ValueError(f"{given.model} is no record of runs, nor a folder of such; --run and --history are for these")
    if Path(given.model).is_dir():
        return read_folder(given.model, given.activation, given.layers)
    return [[Checkpoint(0.0, given.model, model)] for model in load(given.model, given.activation, given.layers)]


def _in_one(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """What was found in several chains of one file, as if they were one network."""
    whole = parts[0]
    for more in parts[1:]:
        shift = len(whole["layers"])
        for key in ("layers", "history"):
            whole[key] = whole.get(key, []) + [part | {"layer": part["layer"] + shift} for part in more.get(key, [])]
        whole["parameters"] += more["parameters"]
    return whole


def _draw(found: Sequence[Inspection | History], path: Path) -> None:
    """One picture, or for several chains one each: name-1.png, name-2.png."""
    for number, inspection in enumerate(found, 1):
        place = path if len(found) == 1 else path.with_stem(f"{path.stem}-{number}")
        try:
            inspection.plot().savefig(place, dpi=150)
        except OSError as error:
            raise ValueError(f"{place} cannot be written: {error.strerror or error}") from None


def _certify(model: Model, structures: tuple[LayerStructure, ...], samples: Samples) -> Certificate:
    """`certified.certificate`, imported when it is called: the compiled engine takes half a second."""
    from flatchannels.certified import certificate

    return certificate(model, structures, samples)
