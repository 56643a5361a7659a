"""Which seeds a run can have."""

import operator
from typing import Any

LARGEST_SEED = 2**63 - 1  # that a record holds


def checked_seed(seed: Any) -> int:
    """The seed of a run, as an integer of Python.

    Parameters
    ----------
    seed : int
        Or an integer of NumPy.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        It is no integer from 0 to LARGEST_SEED.
    """
    try:
        number = -1 if isinstance(seed, bool) else operator.index(seed)
    except TypeError:
        number = -1
    if not 0 <= number <= LARGEST_SEED:
        raise ValueError(f"seed is {seed!r}; it must be an integer from 0 to {LARGEST_SEED} = 2⁶³ − 1")
    return number
