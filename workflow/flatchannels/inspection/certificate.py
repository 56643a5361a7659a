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

    verdict : "certified", "turns back", "undecided" or "does not apply".  reason : of any but "certified".
    route : the units at infinity that are no neurons, such as "2 pair".  loss_infinity : the loss there, at its minimum.
    h, epsilon : of each pair, in the order of the route.  ratio : of L − L_∞ over what h predicts.
    gradient_norm, hessian_min, hessian_max : of the loss at infinity.  None and () where they are not known.
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
