"""The loss at a norm wall, predicted from the minimum at infinity.

On a sphere of large radius a network rests where what drives it to infinity balances the pull μ of the wall. With the slope of the loss
by the small number s of a unit (`LimitNetwork.slopes`) this says where the unit stands, and how much is left of L − L_∞:

    pair          slope/K² + μ K²/4      →  L − L_∞ = ½ √(slope μ),        Σa² = 2 (L − L_∞) / μ
    exponential   slope/|a| + μ a²/2     →  L − L_∞ = (slope² μ)^(1/3),    a² = (L − L_∞) / μ
    triple, …     the same as of an exponential unit; its slope is not known, but Σa² at the wall is

Hinges are followed back from far beyond the wall, where they have come out: the minimum of the loss under the pull is found step by
step, while μ grows. So nothing about the network at the wall enters but its norm, and for triples and quadruples their outputs.

Source: this project's.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from flatchannels.dynamics.newton import minimum
from flatchannels.dynamics.polish import Polish
from flatchannels.infinity.candidates import Candidate
from flatchannels.infinity.hinges import FOLLOWED, ON_THE_WAY, Pulled
from flatchannels.infinity.limits import SECOND_ORDER

Array = NDArray[np.float64]

WIDEST = 12  # decades of μ, down from that of the wall, that are searched for a norm
PULL_TOLERANCE = 0.03  # of log μ, from where dL/dΣθ² = −μ/2 leads on, with an error of its square
ITERATIONS = 60  # of Newton's method at each μ


class Approach:
    """The minima at walls of every radius, on the way from a minimum at infinity.

    Parameters
    ----------
    guess : Candidate
    theta : (P,)
        The minimum at infinity.
    pull : float
        μ > 0 of the wall at which the network was found.
    pulls : tuple of float
        Of `Receded`, by which hinges are followed back; () without hinges.
    outermost : Polish, optional
        Of `Receded`.
    """

    def __init__(self, guess: Candidate, theta: Array, pull: float, pulls: tuple[float, ...] = (), outermost: Polish | None = None) -> None:
        self.guess, self.pull = guess, pull
        self.seen: dict[bytes, tuple[float, Array]] = {}  # θ → its loss and slopes
        self.back: dict[float, Array] = {}  # μ → θ
        self.known: dict[float, tuple[float, float]] = {}  # μ → what `at` returns
        self.theta = theta
        if outermost is not None:
            self._retrace(outermost, pulls[::-1])

    def _retrace(self, end: Polish, pulls: tuple[float, ...]) -> None:
        """Find the minima for growing μ from the outermost one on."""
        self.back[pulls[0]] = end.theta
        for stage, ahead in pairwise(pulls):
            along = np.log(stage / ahead) * Pulled(self.guess.limit, stage).tangent(end)
            end = minimum(Pulled(self.guess.limit, ahead), [end.theta, end.theta + along], ITERATIONS, ON_THE_WAY)
            if not abs(end.gradient).max() < FOLLOWED:
                return
            self.back[ahead] = end.theta

    def at(self, pull: float) -> tuple[float, float]:
        """The loss, and Σθ², under a pull of the wall; NaN where the loss falls from infinity or a hinge is lost.

        Parameters
        ----------
        pull : float
            μ.

        Returns
        -------
        loss : float
        squares : float
        """
        if pull not in self.known:
            self.known[pull] = self._at(pull)
        return self.known[pull]

    def _at(self, pull: float) -> tuple[float, float]:
        theta = self.theta
        if self.back and pull not in self.back:
            nearest = self.back[min(self.back, key=lambda stage: abs(np.log(stage / pull)))]
            found = minimum(Pulled(self.guess.limit, pull), [nearest], ITERATIONS, ON_THE_WAY)
            if not abs(found.gradient).max() < FOLLOWED:
                return np.nan, np.nan
            self.back[pull] = found.theta
        theta = self.back.get(pull, theta)
        key = theta.tobytes()
        if key not in self.seen:
            self.seen[key] = self.guess.limit.loss_and_gradient(theta)[0], self.guess.limit.slopes(theta)
        loss, slopes = self.seen[key]
        excess, squares = self._units(slopes, pull)
        return loss + excess, self.guess.limit.squares(theta) + squares

    def _units(self, slopes: Array, pull: float) -> tuple[float, float]:
        """L − L_∞ and Σa² of the units whose outputs diverge, under the pull μ."""
        excess = squares = 0.0
        for unit, slope, small, diverging in zip(self.guess.limit.units, slopes, self.guess.small, self.guess.diverging):
            # Outputs that the next layer scales weigh more or less in Σθ² than in K or |a|.
            if unit.kind == "pair":
                share = np.sqrt(slope * pull * 2 * diverging * small) / 2 if slope > 0 else np.nan
                excess, squares = excess + share, squares + 2 * share / pull
            elif unit.kind == "exponential":
                share = np.cbrt(slope**2 * pull * diverging * small**2) if slope > 0 else np.nan
                excess, squares = excess + share, squares + share / pull
            elif unit.kind in SECOND_ORDER:
                outputs = diverging * (pull / self.pull) ** (-2 / 3)
                excess, squares = excess + pull * outputs, squares + outputs
        return excess, squares

    def loss_at(self, squares: float) -> float:
        """The loss of the network that rests on a sphere.

        Parameters
        ----------
        squares : float
            Its Σθ².

        Returns
        -------
        float
            NaN where there is none, or it is not found.
        """

        def beyond(logarithm: float) -> float:
            return float(np.log(self.at(float(np.exp(logarithm)))[1] / squares))

        high = low = float(np.log(self.pull))
        step = float(np.log(10.0))
        if beyond(low) > 0:  # the network may stand a little further in than its own wall
            high += step / 4
        else:
            while beyond(low) < 0 and low > np.log(self.pull) - WIDEST * step:
                high, low = low, low - step
        if not beyond(low) >= 0 >= beyond(high):
            return np.nan
        pull = float(np.exp(brentq(beyond, low, high, xtol=PULL_TOLERANCE)))
        loss, there = self.at(pull)
        return loss - 0.5 * pull * (squares - there)
