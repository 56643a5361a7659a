"""`flatchannels train` and `flatchannels continue`: gradient flows of one network on a file of data, kept in a record."""

import argparse
import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from flatchannels.cli.blocks import Block, block_of, run_block, with_limits
from flatchannels.cli.words import number, whole
from flatchannels.data import files
from flatchannels.data.dataset import Dataset
from flatchannels.names import widths_of
from flatchannels.networks.activations import ACTIVATIONS
from flatchannels.networks.initialisation import SCHEMES
from flatchannels.runs.outcomes import outcome
from flatchannels.runs.processes import ProcessDied
from flatchannels.runs.progress import Progress
from flatchannels.runs.records import check_record_writable
from flatchannels.runs.seeds import LARGEST_SEED
from flatchannels.storage import continuation
from flatchannels.storage.archives import VERSION, read_meta
from flatchannels.storage.continuation import REASON_OF_LIMIT
from flatchannels.storage.dataset_files import digest
from flatchannels.storage.errors import RecordError
from flatchannels.storage.foreign import foreign
from flatchannels.storage.run_format import RUNS_FORM
from flatchannels.storage.run_records import read_runs

# The defaults of `flatchannels.train`, which a test compares: importing it would compile kernels before --help.
TRAINING_DEFAULTS = {"rtol": 1e-5, "maxnorm": 1e3, "max_seconds": 3600.0, "max_steps": 20_000, "max_t": 1e16, "trajectory_samples": 250,
            "spectrum_samples": 50}  # fmt: skip
START_DEFAULTS = {"initial_scale": 1.0, "scheme": "glorot_normal"}  # which have no place in a record
METHODS = "gd", "sgd", "adam"  # of `optimisers`, which a test compares
TRAINING_LIMITS = {
    "max_seconds": "wall time of a run: flow, finish and spectra together",
    "max_steps": "steps of the flow",
    "max_t": "time of the flow",
}
TYPES = {int: whole, float: number}
MOST_SEEDS = 10_000
WIDEST_LAYER = 1000  # of a layer, as in a configuration
UNIT_SCALE = 0.1, 10.0  # standard deviations of the targets between which the walls of the flow suit the data
TRAIN = """Train a network by gradient flow, or by an optimiser, from several random initialisations, each to its end: a minimum, a plateau
saddle, or the norm wall, behind which channels lead on to infinity. Runs end by themselves; limits are for the rest, and `flatchannels
continue` goes on from there. The network has one output; the loss is the mean squared error."""
TRAIN_EXAMPLES = """examples:
  flatchannels train data.csv --widths 8 --activation softplus --seeds 1-10 --out runs.npz
  flatchannels train data.npz --widths 4x4 --standardise --workers 4 --out runs.npz
  flatchannels train data.csv --widths 8 --optimiser adam --rate 1e-3 --budget 100000 --batch 64 --out adam.npz
  flatchannels inspect runs.npz --run 3 --history              what the third run came to
  flatchannels continue runs.npz --max-seconds 36000           those that met a limit

"""
EXIT_CODES = (
    "exit codes: 0 done, however the runs ended; 1 a process has died; 2 a file or word that makes no sense; 130 interrupted, "
    "143 ended by SIGTERM: what is done is in the record"
)
CONTINUE = """Go on with the runs of a record that met a limit (of time, steps or t), from where they were, with the limits as they are or
new ones; with seeds that an interruption left out; and with runs that failed, which are tried again. The record is replaced when that is
done."""
CONTINUE_EXAMPLES = """examples:
  flatchannels continue runs.npz                               what an interruption left out
  flatchannels continue runs.npz --max-seconds 36000           and runs that met a limit, with ten hours for each
  flatchannels continue runs.npz --data moved/data.csv --workers 4

"""


def add_to(commands: Any) -> None:
    """Add both commands to the sub-parsers.

    Parameters
    ----------
    commands : argparse sub-parsers
    """
    raw = argparse.RawDescriptionHelpFormatter
    train = commands.add_parser(
        "train", help="gradient flows from many initialisations", description=TRAIN, epilog=TRAIN_EXAMPLES + EXIT_CODES, formatter_class=raw
    )
    add = train.add_argument
    add("data", metavar="DATA", help=".npz with x (N, d) and y (N,), perhaps weights; .csv or .parquet with a column y, all others inputs")
    add("--widths", required=True, metavar="R", help="of the hidden layers: 8, or 4x4 for two of them")
    add("--activation", default="softplus", choices=list(ACTIVATIONS), help="of the hidden neurons (%(default)s)")
    add("--no-bias", action="store_true", help="leave out the biases, of all layers")
    add("--seeds", default="1", metavar="A-B", help="of the initialisations: 3, or 1-10 (%(default)s)")
    add("--out", required=True, metavar="FILE", help="the record to write, .npz")
    add("--force", action="store_true", help="write it where there is one already; that one stays until there are new runs")
    add("--standardise", action="store_true", help="shift and scale inputs and targets to mean 0 and variance 1: the walls suppose such")
    add("--rtol", type=number, default=TRAINING_DEFAULTS["rtol"], help="relative tolerance of the flow (%(default)g)")
    add("--maxnorm", type=number, default=TRAINING_DEFAULTS["maxnorm"], help="the norm wall, in Σθ²/(2P) (%(default)g)")
    add("--initial-scale", type=number, default=START_DEFAULTS["initial_scale"], help="factor on the initial weights (%(default)g)")
    add("--scheme", default=START_DEFAULTS["scheme"], choices=SCHEMES, help="of the initial weights (%(default)s)")
    add("--optimiser", default="flow", choices=["flow", *METHODS], help="the flow, or steps of finite size in its place (%(default)s)")
    add("--rate", type=number, help="learning rate of an optimiser")
    add("--budget", type=whole, metavar="STEPS", help="how many steps an optimiser takes")
    add("--batch", type=whole, metavar="SAMPLES", help="in a step: of sgd, which needs it, and of adam, by default all")
    for key, text in TRAINING_LIMITS.items():
        add(
            f"--{key.replace('_', '-')}",
            type=TYPES[type(TRAINING_DEFAULTS[key])],
            default=TRAINING_DEFAULTS[key],
            help=f"limit: {text} (%(default)g)",
        )
    _shared(add)
    train.set_defaults(function=run_train)
    go_on = commands.add_parser(
        "continue",
        help="go on with runs that met a limit",
        description=CONTINUE,
        epilog=CONTINUE_EXAMPLES + EXIT_CODES,
        formatter_class=raw,
    )
    add = go_on.add_argument
    add("record", metavar="RECORD", help="of `flatchannels train`")
    add("--data", metavar="DATA", help="where its data are now, if they have moved")
    for key, text in TRAINING_LIMITS.items():
        add(f"--{key.replace('_', '-')}", type=TYPES[type(TRAINING_DEFAULTS[key])], help=f"new limit: {text}")
    _shared(add)
    go_on.set_defaults(function=run_continue)


def _shared(add: Any) -> None:
    add("--workers", type=whole, default=1, metavar="N", help="processes (1)")
    add("--json", action="store_true", help="print JSON: how each run ended")


def run_train(given: argparse.Namespace) -> None:
    """Train from all seeds, and print how the runs ended.

    Parameters
    ----------
    given : argparse.Namespace

    Raises
    ------
    ValueError
        An option that cannot be, or data that cannot be read.
    """
    out = Path(given.out)
    if out.suffix != ".npz":
        raise ValueError(f"out is {out}; the name must end with .npz")
    if out.exists() and not given.force:
        raise ValueError(f"{out} is there already; `flatchannels continue {out}` goes on with it, --force replaces it")
    if out.exists() and out.samefile(given.data):
        raise ValueError(f"out is {out}, the file of the data; give another name")
    with _saying_what_stays(out):
        _told(_trained(given, out), out, given.json)


def _trained(given: argparse.Namespace, out: Path) -> list[Any]:
    """The runs that `run_train` was asked for, which are in the record."""
    from flatchannels.dynamics.settings import check_settings  # here, and not above: it loads the kernels
    from flatchannels.networks.checks import checked_sizes
    from flatchannels.runs.run import plain

    data = _read(given.data, given.standardise)
    _, widths = checked_sizes(data.dimension, _widths(given.widths))
    training = {**TRAINING_DEFAULTS, **{key: getattr(given, key) for key in ("rtol", "maxnorm", *TRAINING_LIMITS)}}
    training |= {key: getattr(given, key) for key, default in START_DEFAULTS.items() if getattr(given, key) != default}
    check_settings(training)
    if given.batch and given.batch > len(data.y):
        raise ValueError(f"batch is {given.batch}; {given.data} has {len(data.y)} samples, and no batch can be larger")
    training = plain(training) | _optimiser(given)
    network = {"inputs": data.dimension, "widths": list(widths), "activation": given.activation, "bias": not given.no_bias}
    source = {"file": given.data, "standardise": given.standardise}
    block, workers = Block(network, training, source, _seeds(given.seeds)), _workers(given)
    check_record_writable(out)
    return run_block(block, data, out, {}, workers, Progress("runs"))


@contextmanager
def _saying_what_stays(out: Path) -> Iterator[None]:
    """An interruption within it that leaves an earlier file in the place of the record says so, lest it is taken for the new one."""
    before = _stamp(out)
    try:
        yield
    except (KeyboardInterrupt, ProcessDied) as error:
        if before is not None and _stamp(out) == before:
            error.add_note(f"no run had ended, and {out} is still the earlier one")
        raise


def _stamp(path: Path) -> tuple[int, int] | None:
    """What another file of the same name would have another of; None where there is no file."""
    if not path.exists():
        return None
    told = path.stat()
    return told.st_ino, told.st_mtime_ns


def run_continue(given: argparse.Namespace) -> None:
    """Go on with what is unfinished, and print how the runs ended.

    Parameters
    ----------
    given : argparse.Namespace

    Raises
    ------
    ValueError
        An option that cannot be, or a record that cannot be continued.
    """
    from flatchannels.dynamics.settings import check_settings
    from flatchannels.runs.run import plain

    out = Path(given.record)
    with foreign(out):
        meta = read_meta(out)
    try:
        block = block_of(meta)
    except KeyError as error:
        raise ValueError(f"{out}: its metadata lack {error.args[0]}") from None
    except (AttributeError, TypeError, ValueError) as error:  # metadata of something else
        raise ValueError(f"{out}: {error}") from None
    if (meta.get("format"), meta.get("version")) != (RUNS_FORM, VERSION):
        raise ValueError(
            f"{out} holds {meta.get('format')} of version {meta.get('version')}; this code goes on with version {VERSION} of {RUNS_FORM}"
        )
    place = given.data or block.source["file"]
    if not Path(place).exists():
        raise ValueError(f"{place}, on which {out} was trained, is not there; --data says where it is")
    data = _read(place, block.source["standardise"])
    if digest(data) != meta["data"]:
        raise ValueError(f"{place} does not hold the data on which {out} was trained")
    block = replace(block, source=block.source | {"file": place})
    block = with_limits(block, plain({key: getattr(given, key) for key in TRAINING_LIMITS if getattr(given, key) is not None}))
    check_settings({key: value for key, value in block.training.items() if key != "optimiser"})
    (earlier, anew), workers = _earlier(block, data, out), _workers(given)
    check_record_writable(out)
    _told(run_block(block, data, out, earlier, workers, Progress("runs"), anew), out, given.json)


def _earlier(block: Block, data: Dataset, out: Path) -> tuple[dict[int, Any], dict[int, Any]]:
    """The runs of a record, to go on with, and those that begin anew.

    ValueError where they are finished, or kept by other versions, or damaged.
    """
    from flatchannels.runs.run import at_a_limit, recorded_runs

    kept = continuation.unfinished_path(out)
    made, present = read_meta(out).get("versions"), block.origin(data)["versions"]
    if made != present:  # a record names one
        raise ValueError(
            f"{out} was made by {_named(made)}, this is {_named(present)}: train what is left to another file, with its --seeds"
        )
    try:
        earlier = continuation.read_unfinished(out, block.origin(data))
    except RecordError as error:
        raise ValueError(f"{error}; if it is removed, the runs that met a limit begin anew, and the others stay") from None
    if kept.exists() and not earlier:
        raise ValueError(f"{kept} does not belong to {out}; if it is removed, the runs that met a limit begin anew, and the others stay")
    anew = {}
    if earlier:
        try:
            read_runs(out, ["seed"])
        except RecordError as error:
            print(f"flatchannels: {error}; it is written again, from {kept}", file=sys.stderr)
    else:
        recorded = recorded_runs(out)
        earlier = {seed: run for seed, run in recorded.items() if not at_a_limit(run)}
        if anew := {seed: run for seed, run in recorded.items() if seed not in earlier}:
            print(f"flatchannels: {kept} is missing, so {len(anew)} of the runs of {out}, which met a limit, begin anew", file=sys.stderr)
    if len(earlier) > block.seeds[1] - block.seeds[0] and not any(run.unfinished for run in earlier.values()):
        raise ValueError(f"all runs of {out} have ended by themselves; there is nothing to go on with")
    return earlier, anew


def _named(versions: Any) -> str:
    return " and ".join(f"{name} {version}" for name, version in versions.items()) if isinstance(versions, dict) else "nobody knows what"


def _read(path: str, standardise: bool) -> Dataset:
    data = files.read(path)[0]
    if standardise:
        return data.standardised()[0]
    spread = float(np.sqrt(data.weights @ (data.y - data.weights @ data.y) ** 2))
    if not np.ptp(data.y):
        print(f"flatchannels: y is {data.y[0]:g} in all samples; walls and stops suppose a standard deviation of about 1", file=sys.stderr)
    elif not UNIT_SCALE[0] < spread < UNIT_SCALE[1]:
        print(f"flatchannels: y has a standard deviation of {spread:.2g}; walls and stops suppose about 1: --standardise", file=sys.stderr)
    return data


def _optimiser(given: argparse.Namespace) -> dict[str, Any]:
    """The optimiser as a record keeps it; nothing for the flow.  ValueError where its numbers are missing, or given to the flow."""
    from flatchannels.dynamics.optimisers import Optimiser

    numbers = {key: getattr(given, key) for key in ("rate", "budget", "batch")}
    if given.optimiser == "flow":
        for key, value in numbers.items():
            if value is not None:
                raise ValueError(f"{key} is {value}; the flow has none: it is for --optimiser {', '.join(METHODS)}")
        return {}
    for key in ("rate", "budget", *(["batch"] if given.optimiser == "sgd" else [])):
        if numbers[key] is None:
            raise ValueError(f"--optimiser {given.optimiser} needs a {key}: --{key} …")
    chosen = {"name": given.optimiser, **numbers}
    Optimiser(**chosen)  # which checks them
    return {"optimiser": chosen}


def _widths(text: str) -> tuple[int, ...]:
    try:
        widths = widths_of(text)
    except ValueError:
        raise ValueError(f"widths is {text}; it must be like 8, or 4x4") from None
    if max(widths) > WIDEST_LAYER:
        raise ValueError(f"widths is {text}; a layer can have {WIDEST_LAYER} neurons")
    return widths


def _seeds(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([0-9]{1,19})(?:-([0-9]{1,19}))?", text)
    if not found:
        raise ValueError(f"seeds is {text}; it must be like 3, or 1-10, of numbers up to {LARGEST_SEED}")
    first, last = int(found[1]), int(found[2] or found[1])
    if not first <= last < first + MOST_SEEDS or last > LARGEST_SEED:
        raise ValueError(
            f"seeds is {text}; the last must not be before the first, nor above {LARGEST_SEED}, and there can be {MOST_SEEDS} of them"
        )
    return first, last


def _workers(given: argparse.Namespace) -> int:
    if given.workers < 1:
        raise ValueError(f"workers is {given.workers}; it must be at least 1")
    return given.workers


def _told(runs: list[Any], out: Path, as_json: bool) -> None:
    """How the runs ended."""
    rows = [outcome(run) for run in runs]
    if as_json:
        print(json.dumps({"out": str(out), "runs": rows}, ensure_ascii=False))
        return
    print(f"{'seed':>6}  {'ended':12} {'loss':>12} {'gradient':>9} {'norm':>8} {'steps':>6} {'seconds':>8}")
    for row in rows:
        if "message" in row:
            print(f"{row['seed']:6}  {'failed':12} {row['message']}")
        else:
            print(
                f"{row['seed']:6}  {row['stop'].lower():12} {row['loss']:12.6g} {row['gradient_norm']:9.1g} {row['weight_norm']:8.4g} "
                f"{row['steps']:6} {row['seconds']:8.2f}"
            )
    met = {row["finish"] if row["stop"] not in REASON_OF_LIMIT.values() else row["stop"] for row in rows if row.get("unfinished")}
    raised = " ".join(f"--{key.replace('_', '-')} …" for key, reason in REASON_OF_LIMIT.items() if reason in met)
    unfinished = sum(row.get("unfinished", False) for row in rows)
    failed = sum("message" in row for row in rows)
    ends = f"; {unfinished} met a limit: flatchannels continue {out} {raised}" if unfinished else ""
    print(f"{out}: {len(runs)} runs{f', {failed} of them failed' if failed else ''}{ends}")
