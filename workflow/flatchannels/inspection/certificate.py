"""What is known about the end of a network's channels, in plain values.

Who finds it, `flatchannels.certified`, needs the compiled engine; the inspector, which does not, takes it as a function.
"""

from collections.abc import Callable
from dataclasses import dataclass

from flatchannels.inspection.model import Model
from flatchannels.inspection.samples import Samples
from flatchannels.inspection.structure import LayerStructure

DOES_NOT_APPLY = "does not apply"


@dataclass(frozen=True)
class Certificate:
    """Whether a network's channels lead to a minimum at infinity.

    What is not known is None, or ().

    Parameters
    ----------
    verdict : str
        "certified", "turns back", "undecided" or "does not apply".
    reason : str
        Of any but "certified".
    route : str
        The units at infinity that are no neurons, such as "2 pair".
    loss_infinity : float or None
        The loss there, at its minimum.
    gradient_norm, hessian_min, hessian_max : float or None
        Of the loss at infinity.
    ratio : float or None
        Of L − L_∞ over what h predicts.
    h, epsilon : tuple of float
        Of each pair, in the order of the route.
    """

    verdict: str
    reason: str = ""
    route: str = ""
    loss_infinity: float | None = None
    gradient_norm: float | None = None
    hessian_min: float | None = None
    hessian_max: float | None = None
    ratio: float | None = None
    h: tuple[float, ...] = ()
    epsilon: tuple[float, ...] = ()


Certifier = Callable[[Model, tuple[LayerStructure, ...], Samples], Certificate]
