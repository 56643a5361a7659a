"""Verdicts on computations, which have no sampling error, turn with every number: power laws and the toy, C13 to C15."""

import numpy as np
import pytest
from claim_tables import judged, jumps, rates, toy


@pytest.mark.parametrize(
    ("table", "expected"),
    [(jumps(), "holds"), (jumps(excess=1.9), "does not hold"), (jumps(limit_error=1.5), "does not hold"),
     (jumps(largest=-1.0), "does not hold"), (jumps(offset=0.1), "does not hold"), (jumps(points=2), "undecided"),
     (jumps(excess=1.0, points=200), "does not hold")],
)  # fmt: skip
def test_c13_asks_for_three_power_laws_and_three_limits(table, expected):
    row = judged("C13", {"jumps": table})
    assert row["verdict"] == expected and row["chance"] == 0
    assert expected == "undecided" or row["high"] - row["estimate"] < 1e-10  # an exact law has no numerical error


def test_c13_is_open_where_rounding_hides_the_law():
    noise = np.where(np.arange(12) % 2, 1.5, 0.7)
    table = jumps()
    row = judged("C13", {"jumps": table.assign(excess=table["excess"] * noise)})
    assert row["verdict"] == "undecided" and row["high"] - row["estimate"] > 0.04
    wrong = judged("C13", {"jumps": table.assign(excess=table["epsilon"] * noise)})
    assert wrong["verdict"] == "does not hold"


@pytest.mark.parametrize(
    "change",
    [{"zeros": (0.81, 3.2022)}, {"zeros": (0.7993,)}, {"kinds": ["minimum at infinity"] * 3}, {"exponent": 1.5}, {"limits": (0.01, 0.1)},
     {"gamma": 0.7}, {"lowest": 0.005}],
)  # fmt: skip
def test_c14_turns_with_every_published_number(change):
    published, changed, nothing = (judged("C14", tables) for tables in (toy(), toy(**change), {}))
    assert [row["verdict"] for row in (published, changed, nothing)] == ["holds", "does not hold", "undecided"]
    assert published["low"] < published["estimate"] == 0.01 < published["high"] < 0.01 + 1e-16  # rounding


@pytest.mark.parametrize(
    ("table", "expected"),
    [(rates(), "holds"), (rates(exponent=1.0), "does not hold"), (rates(ratio=0.9), "does not hold"),
     (rates(ratio=0.9, settled=False), "undecided"), (rates()[:1], "undecided")],
)  # fmt: skip
def test_c15_asks_for_the_edge_at_every_rate_and_the_root(table, expected):
    row = judged("C15", {"toy_rates": table})
    assert row["verdict"] == expected


def test_c15_tells_how_far_the_edge_moves_the_exponent():
    table = rates(ratio=1.002)
    row = judged("C15", {"toy_rates": table})
    assert row["high"] - row["estimate"] == pytest.approx(2 * 0.001 / np.log(table["rate"][1] / table["rate"][0]))
