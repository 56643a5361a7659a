"""How a run ended, in plain values: a row of a table, a line of JSON."""

from typing import Any

from flatchannels.storage.run_records import Failure

OUTCOMES = (
    "seed",
    "stop",
    "finish",
    "loss",
    "gradient_norm",
    "weight_norm",
    "hessian_min",
    "hessian_max",
    "t",
    "steps",
    "seconds",
    "unfinished",
)


def outcome(run: Any) -> dict[str, Any]:
    """The end of a run of `train`, by the names in OUTCOMES; of a `Failure` its seed, FAILED and its message.

    Parameters
    ----------
    run : Run or Failure

    Returns
    -------
    dict
    """
    if isinstance(run, Failure):
        return {"seed": run.seed, "stop": "FAILED", "message": run.message}
    return {
        "seed": run.seed, "stop": run.stop.name, "finish": run.finish.name, "loss": run.loss, "gradient_norm": run.gradient_norm,
        "weight_norm": run.weight_norm, "hessian_min": run.hessian_min, "hessian_max": run.hessian_max, "t": run.flow.t_end,
        "steps": run.flow.steps, "seconds": run.flow.seconds + run.polish.seconds, "unfinished": bool(run.unfinished),
    }  # fmt: skip
