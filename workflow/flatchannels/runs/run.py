"""A run as people meet it: with its network and settings, a picture, and a file to keep it in.

`dynamics.training` is the engine, which knows neither files nor pictures.
"""

import inspect
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from functools import wraps
from html import escape
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

import numpy as np
from numpy.typing import NDArray

import flatchannels
from flatchannels.dynamics import training
from flatchannels.dynamics.flow import LIMITS, Flow
from flatchannels.dynamics.optimisers import Optimiser
from flatchannels.dynamics.polish import Polish
from flatchannels.networks.network import Network
from flatchannels.reasons import Finish, Stop
from flatchannels.runs.records import record_of, write_record
from flatchannels.runs.seeds import checked_seed
from flatchannels.storage import continuation, run_records
from flatchannels.storage.dataset_files import digest
from flatchannels.storage.errors import RecordError
from flatchannels.storage.foreign import foreign

if TYPE_CHECKING:
    from matplotlib.figure import Figure

P = ParamSpec("P")
NUMBERS = ("loss_initial", "loss", "loss_cusp", "gradient_norm", "weight_norm", "hessian_min", "hessian_max")
LIMITED = continuation.REASON_OF_LIMIT.keys()  # settings in which runs that came to the same may differ
NO_RESULT = "seconds", "state"  # fields of parts of a run in which two that came to the same may differ
LIBRARY = "library"  # where other records name a sweep


@dataclass(eq=False)
class Run(training.Run):
    """A `dynamics.training.Run` that knows what it is a run of.

    Two are equal if they came to the same: in all their numbers, NaN being equal to NaN, whatever time they took.

    Attributes
    ----------
    network
        The network.
    settings
        The keywords of `train`, from rtol to optimiser.
    data
        SHA-256 of the dataset.
    """

    network: Network
    settings: dict[str, Any]
    data: str

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Run):
            return NotImplemented
        return self.unfinished == other.unfinished and _same(self, other)

    __hash__ = None  # type: ignore[assignment]  # a run can be changed

    def plot(self) -> "Figure":
        """Loss, norm, λ_max and the closest pair of each hidden layer against t.

        Returns
        -------
        Figure
        """
        from flatchannels.runs.pictures import run_figure

        return run_figure(self)

    def summary(self) -> str:
        """One line: how it ended.

        Returns
        -------
        str
        """
        flow = self.flow
        return (
            f"{self.stop.name} at t = {flow.t_end:.3g} after {flow.steps} steps: loss {self.loss:.6g}, gradient {self.gradient_norm:.1g}, "
            f"norm {self.weight_norm:.4g}, Hessian eigenvalues from {self.hessian_min:.3g} to {self.hessian_max:.3g}"
        )

    def __repr__(self) -> str:
        net, seed = self.network, "" if self.seed is None else f", seed={self.seed}"
        return (
            f"Run(widths={net.widths}, activation={net.activation!r}{seed}: {self.stop.name}, loss={self.loss:.6g}, "
            f"t={self.flow.t_end:.3g}, norm={self.weight_norm:.4g})"
        )

    def _repr_html_(self) -> str:
        """For notebooks."""
        return f"<pre>{escape(self.summary())}</pre>"

    def save(self, path: str | PathLike[str]) -> None:
        """Write it to an `.npz` that `Run.load`, `flatchannels inspect` and NumPy read.

        A run that met a limit has a second file beside it, of the same name with the ending `.unfinished`, by which it can go on.

        Parameters
        ----------
        path : path
            Of the file.

        Raises
        ------
        ValueError
            Another ending than .npz.
        RecordError
            It cannot be written.
        """
        if not str(path).endswith(".npz"):
            raise ValueError(f"path is {path}; it must end with .npz")
        numbered = replace(self, seed=0 if self.seed is None else self.seed)
        settings = plain(self.settings)
        network = {"inputs": self.network.inputs, "widths": list(self.network.widths), "activation": self.network.activation,
                   "bias": self.network.bias}  # fmt: skip
        meta = {**network, "sweep": LIBRARY, "dataset": "", "training": settings, "seed": 0, "spec": {}, "data": self.data, "cpu": "",
                "versions": versions(), "drawn": self.seed is not None}  # fmt: skip
        origin = {"job": {"network": network, "training": settings}, "data": self.data, "versions": versions()}
        write_record(path, origin, meta, [numbered])

    @classmethod
    def load(cls, path: str | PathLike[str], seed: int | None = None) -> "Run":
        """The run of a seed in a record: of `save`, of `flatchannels train`, or of the workflow; or in a folder of `train_many`.

        Parameters
        ----------
        path
            Of the record, or the folder.
        seed
            None where the record has one run alone.

        Returns
        -------
        Run
            What a record does not keep is NaN: the gradient and the Hessian at the end (the network gives them again), and the multiplier
            at the wall.

        Raises
        ------
        RecordError
            The file is missing or damaged.
        ValueError
            It has no such run, or that one failed; a folder without a seed.
        """
        if os.path.isdir(path):
            if seed is None:
                raise ValueError(f"{path} is a folder; name one of its runs by its seed: Run.load({str(path)!r}, seed=…)")
            path = record_of(Path(path), seed)
        with foreign(path):
            meta, arrays = run_records.read_runs(path)
        seeds = arrays["seed"].tolist()
        if seed is None and len(seeds) > 1:
            raise ValueError(f"{path} has the runs of seeds {seeds[0]} to {seeds[-1]}; name one")
        if seed is not None and seed not in seeds:
            raise ValueError(f"seed is {seed}; {path} has the seeds {seeds[0]} to {seeds[-1]}")
        row = {key: array[0 if seed is None else seeds.index(seed)] for key, array in arrays.items()}
        if not np.isfinite(row["theta"]).all():
            raise ValueError(f"the run of seed {row['seed']} in {path} failed: {row['message']}")
        with foreign(path):
            network = Network(meta["inputs"], tuple(meta["widths"]), meta["activation"], meta["bias"])
            settings = dict(meta["training"])
            if settings.get("optimiser"):
                settings["optimiser"] = Optimiser(**settings["optimiser"])
            belonging = {"network": network, "settings": settings, "data": meta["data"]}
            drawn = {"seed": int(row["seed"]) if meta.get("drawn", True) else None}
            whole = _kept_whole(path).get(int(row["seed"]))
            return cls(**{**_values(whole or _from_row(row, meta)), **drawn}, **belonging)


def _same(one: Any, other: Any) -> bool:
    """Whether two runs, or values in them, are equal but for NO_RESULT and LIMITED."""
    if isinstance(one, training.Run | Flow | Polish):
        named = [field.name for field in fields(one) if field.name not in NO_RESULT]
        return type(one) is type(other) and all(_same(getattr(one, name), getattr(other, name)) for name in named)
    if isinstance(one, dict) and isinstance(other, dict):
        mine, others = ({name: value for name, value in plain(settings).items() if name not in LIMITED} for settings in (one, other))
        return mine == others
    if isinstance(one, np.ndarray | float) and isinstance(other, np.ndarray | float):
        return np.array_equal(one, other, equal_nan=True)
    return bool(one == other)


def _kept_whole(path: str | PathLike[str]) -> dict[int, Any]:
    """Seed → run of those that are kept beside a record to go on; none where another version kept them."""
    try:
        with foreign(continuation.unfinished_path(path)):
            return continuation.read_unfinished(path, {"versions": versions()})
    except RecordError:
        return {}


def plain(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings as JSON has them: it knows no infinity, which stands for no limit, and no optimiser.

    Parameters
    ----------
    settings : dict
        Keywords of `train`.

    Returns
    -------
    dict
    """
    numbers = {name: min(value, sys.float_info.max) for name, value in settings.items() if isinstance(value, int | float)}
    optimiser = settings.get("optimiser")
    return settings | numbers | ({"optimiser": asdict(optimiser)} if isinstance(optimiser, Optimiser) else {})


def versions() -> dict[str, str]:
    """What can take up the state of a run that this process has kept.

    Returns
    -------
    dict
    """
    return {"flatchannels": flatchannels.__version__, "numpy": np.__version__}


def _values(run: training.Run) -> dict[str, Any]:
    """Field → value of the engine's run."""
    return {field.name: getattr(run, field.name) for field in fields(training.Run)}


def _from_row(row: dict[str, Any], meta: dict[str, Any]) -> training.Run:
    """A run of the engine from a row of a record."""
    codes = {(key, code): name for key in ("stop", "finish") for name, code in meta[f"{key}_codes"].items()}
    stop, finish = Stop[codes["stop", int(row["stop"])]], Finish[codes["finish", int(row["finish"])]]
    samples, spectra = np.isfinite(row["trajectory_t"]), np.isfinite(row["spectrum_t"])
    theta: NDArray[np.float64] = row["theta"]
    excess = max(float(row["weight_norm"]) - meta["training"]["maxnorm"], 0.0)
    unknown = np.full(theta.size, np.nan)
    flow = Flow(
        t=row["trajectory_t"][samples], theta=row["trajectory_theta"][samples], loss=row["trajectory_loss"][samples],
        theta_end=row["theta_flow"], loss_end=float(row["loss_flow"]), gradient_norm=float(row["gradient_norm_flow"]),
        weight_norm=float(row["weight_norm_flow"]), multiplier=np.nan, t_end=float(row["t_end"]), stop=stop, steps=int(row["steps"]),
        rejections=int(row["rejections"]), gradients=int(row["gradients"]), hessians=int(row["hessians"]),
        seconds=float(row["seconds_flow"]), message=str(row["message"]),
    )  # fmt: skip
    polish = Polish(theta, float(row["loss"]) + excess**3 / 3, unknown, np.full((theta.size, theta.size), np.nan), finish,
                    int(row["polish_iterations"]), float(row["seconds_polish"]))  # fmt: skip
    numbers: dict[str, Any] = {key: float(row[key]) for key in NUMBERS}
    spectrum = {key: row[key][spectra] for key in ("spectrum_t", "spectrum_min", "spectrum_max")}
    return training.Run(
        seed=int(row["seed"]), theta_initial=row["theta_initial"], theta=theta, stop=stop, finish=finish, flow=flow, polish=polish,
        **numbers, **spectrum,
    )  # fmt: skip


def recorded_runs(path: str | PathLike[str]) -> dict[int, training.Run]:
    """The runs of a record, without what limits left open; those that failed are left out.

    Parameters
    ----------
    path : path
        Of the record.

    Returns
    -------
    dict
        Seed → run of the engine.

    Raises
    ------
    RecordError
        The record cannot be used.
    """
    meta, arrays = run_records.read_runs(path)
    rows = [{key: values[n] for key, values in arrays.items()} for n in range(len(arrays["seed"]))]
    runs = {int(row["seed"]): _from_row(row, meta) for row in rows}
    return {seed: run for seed, run in runs.items() if run.stop != Stop.FAILED}


def at_a_limit(run: training.Run) -> bool:
    """Whether a limit ended a run, also where a record does not keep what it needs to go on.

    Parameters
    ----------
    run : training.Run

    Returns
    -------
    bool
    """
    return run.stop in LIMITS or run.finish == Finish.TIME_LIMIT


def _with_picture_and_file(engine: Callable[P, training.Run]) -> Callable[P, Run]:
    """The engine's `train` with kernels that are compiled before its clock runs, returning a `Run` of this module."""

    @wraps(engine)
    def train(*args: P.args, **kwargs: P.kwargs) -> Run:
        given = arguments(*args, **kwargs)
        asked = inspect.signature(engine).bind(*args, **kwargs).arguments
        seed = None if asked.get("seed") is None else checked_seed(asked["seed"])
        if not isinstance(asked.get("flow"), Flow | None):
            raise ValueError(f"flow is a {type(asked['flow']).__name__}; it must be the flow of an earlier run: flow=run.flow")
        training.compile_kernels()
        run = engine(*args, **kwargs)
        return Run(**{**_values(run), "seed": seed}, network=given.pop("net"), data=digest(given.pop("data")), settings=given)

    return train


def arguments(*args: Any, **kwargs: Any) -> dict[str, Any]:
    """Those of a call of `train`, with the defaults, as plain values; without the start and an earlier flow.

    Parameters
    ----------
    args, kwargs
        Of a call of `train`.

    Returns
    -------
    dict
    """
    bound = inspect.signature(training.train).bind(*args, **kwargs)
    bound.apply_defaults()
    kept = {name: value for name, value in bound.arguments.items() if name not in ("theta0", "seed", "flow")}
    return {name: value.item() if isinstance(value, np.generic) else value for name, value in kept.items()}


train = _with_picture_and_file(training.train)
