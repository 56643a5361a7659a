"""What the arrays of run records mean: in the words of the table of runs, where they are its columns."""

from flatchannels.storage.schemas.columns import CURVATURE, LOSS, ONE, TIME, WEIGHT
from flatchannels.storage.schemas.runs import RUNS

# Array → its meaning and unit, of those that are no columns of the table.
OF_ARRAYS_ALONE = {
    "theta_initial": ("The initial point θ₀.", WEIGHT),
    "theta_flow": ("The end of the flow.", WEIGHT),
    "theta": ("The minimum that the finish found.", WEIGHT),
    "trajectory_t": ("Times of the samples of the flow, spaced evenly in log t.", TIME),
    "trajectory_theta": ("The flow at these times.", WEIGHT),
    "trajectory_loss": ("Its loss at these times.", LOSS),
    "stop": ("Why the flow ended; the metadata name the codes.", ONE),
    "finish": ("Why the finish ended; the metadata name the codes.", ONE),
    "spectrum_t": ("Times at which the Hessian was looked at.", TIME),
    "spectrum_min": ("The smallest eigenvalue of ∇²L at these times.", CURVATURE),
    "spectrum_max": ("The largest eigenvalue of ∇²L at these times.", CURVATURE),
}


def meaning_and_unit(array: str) -> tuple[str, str]:
    """What an array of a record holds, and its unit.

    Parameters
    ----------
    array : str
        A key of `run_format.RUN_ARRAYS`.

    Returns
    -------
    meaning : str
        In a sentence.
    unit : str
    """
    if array in OF_ARRAYS_ALONE:
        return OF_ARRAYS_ALONE[array]
    return RUNS.columns[array].meaning, RUNS.columns[array].unit
