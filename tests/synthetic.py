"""Made-up runs and tables for tests that need their shape, not the numerical engine."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from flatchannels.reasons import Finish, Stop
from flatchannels.storage.schemas.channels import CHANNEL_RUNS, CHANNEL_SPECTRA
from flatchannels.storage.schemas.runs import RUNS

# What the tables say of runs without a protocol of their own.
PROTOCOL = {"initial_scale": 1.0, "scheme": "glorot_normal", "optimiser": "flow", "rate": 0.0, "batch": 0, "budget": 0, "maxnorm": 1000.0}
TRAINING = {"rtol": 1e-5, "maxnorm": 1000, "trajectory_samples": 12, "spectrum_samples": 5}


def meta(inputs=2, widths=(3,), activation="g", bias=False, **more):
    """Metadata as the script of the runs gives it to write_runs."""
    return {
        "sweep": "levels", "dataset": "rosenbrock-grid", "inputs": inputs, "widths": list(widths), "activation": activation,
        "bias": bias, "training": TRAINING, "seed": 1, "spec": {"target": "rosenbrock", "inputs": "grid", "points": 11}, "data": "abc",
        "versions": {"numpy": "2"}, "cpu": "made up", **more,
    }  # fmt: skip


def run(seed, parameters=9, samples=7, theta=None, loss=0.1, stop=Stop.STATIONARY, weight_norm=1.0):
    """One run that ended after `samples` trajectory samples."""
    rng = np.random.default_rng(seed)
    theta = rng.standard_normal(parameters) if theta is None else np.asarray(theta, dtype=float)
    flow = SimpleNamespace(
        t=np.arange(samples) / 3, theta=rng.standard_normal((samples, len(theta))), loss=np.linspace(1, loss, samples), t_end=5.0,
        theta_end=theta + 1e-3, loss_end=loss + 1e-6, gradient_norm=1e-4, weight_norm=weight_norm, steps=30, rejections=2,
        gradients=70, hessians=31, seconds=0.1, message="planted" if stop == Stop.FAILED else "",
    )  # fmt: skip
    return SimpleNamespace(
        seed=seed, theta_initial=rng.standard_normal(len(theta)), theta=theta, loss=loss, loss_initial=1.0, loss_cusp=loss,
        gradient_norm=1e-13, weight_norm=weight_norm, stop=stop, finish=Finish.CONVERGED, hessian_min=0.01, hessian_max=3.0, flow=flow,
        polish=SimpleNamespace(iterations=4, seconds=0.01), spectrum_t=np.arange(3.0), spectrum_min=np.zeros(3),
        spectrum_max=np.ones(3),
    )  # fmt: skip


def run_rows(losses, widths="2", duplicates=0, **more):
    """Rows of the table of runs with the given losses."""
    defaults = {
        "sweep": "levels", "dataset": "rosenbrock-grid", "dimension": 2, "activation": "g", "widths": widths, "bias": False,
        "seed": np.arange(1, len(losses) + 1), "parameters": 6, "loss": losses, "loss_infinity": losses, "gradient_norm": 1e-13,
        "weight_norm": 1.0, "infinite": False, "hessian_min": 0.01, "hessian_max": 3.0, "duplicates": duplicates, "converged": True,
        "stop": "STATIONARY", "finish": "CONVERGED", "message": "", "record": "made-up.npz", "versions": "{}", "cpu": "made up", **PROTOCOL,
    }  # fmt: skip
    frame = pd.DataFrame({**defaults, **more}, index=np.arange(len(losses)))
    for column, kind in RUNS.kinds.items():
        if column not in frame:
            frame[column] = 1.0 if kind == "float64" else 1
    return frame[list(RUNS.kinds)].astype(RUNS.kinds)


def channel_rows(setting="gp-s0.5", seeds=10, channels=0, infinite=0, **more):
    """Rows of the table channel_runs: the first runs are in a channel, the next ones at the wall outside of one."""
    number = np.arange(seeds)
    family, *rest = setting.split(" ")
    activation = rest[0] if rest and len(rest) == 1 else "softplus"
    towards = number < channels + infinite
    runs = run_rows(np.linspace(0.1, 0.5, seeds), "4", sweep="channels", dataset=family, dimension=2, activation=activation, bias=True,
                    infinite=towards)  # fmt: skip
    defaults = {
        "setting": setting, "family": family, "loss_test": runs["loss"] + 0.1, "parallel": towards, "aligned": number < channels,
        "channel": number < channels, "first_ratio": np.where(towards, 0.5, np.nan), "late_ratio": np.where(towards, 0.99, np.nan),
        "aligned_span": number < channels, "first_ratio_span": np.where(towards, 0.5, np.nan),
        "late_ratio_span": np.where(towards, 0.99, np.nan), "channel_span": number < channels, "channel_pair": towards,
        "channel_turned": number < channels, "finish_cosine": 0.0, "subspace": 8, "channel_dimension": (number < channels).astype(int),
        "channel_layers": "", "strict_layers": "",
    }  # fmt: skip
    kinds = CHANNEL_RUNS.kinds
    return runs.assign(**(defaults | more))[list(kinds)].astype(kinds)


def spectrum_rows(runs, growth=10.0, smallest=1e-9, finite=1e-2):
    """Rows of channel_spectra: λ_max is 1, and in channels it grows by a factor per decade of t.

    smallest, finite : λ_min / λ_max in channels, and of the other runs.
    """
    t = np.logspace(-2, 4, 7)
    rows = runs.loc[runs.index.repeat(len(t))].reset_index(drop=True)
    time = np.tile(t, len(runs))
    largest = np.where(rows["channel"], time ** np.log10(growth), 1.0)
    kinds = CHANNEL_SPECTRA.kinds
    smallest = np.where(rows["channel"], smallest, finite) * largest
    return rows.assign(t=time, largest=largest, smallest=smallest)[list(kinds)].astype(kinds)
