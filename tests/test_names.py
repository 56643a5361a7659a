"""What is built from parts is read back into them."""

from hypothesis import given
from hypothesis import strategies as st

from flatchannels import names

WIDTHS = st.lists(st.integers(1, 64), min_size=1, max_size=4).map(tuple)
PLAIN = st.from_regex(r"[a-z][a-z0-9.]{0,8}(-[a-z]{1,4}[0-9.]{0,3})?", fullmatch=True)
ACTIVATION = st.sampled_from(["g", "softplus", "erf", "relu"])


@given(WIDTHS)
def test_widths_are_read_back(widths):
    assert names.widths_of(names.widths_name(widths)) == widths


@given(st.lists(st.integers(1, 99), max_size=5).map(tuple))
def test_numbers_are_read_back(numbers):
    assert names.numbers_of(names.numbers_name(numbers)) == numbers


@given(st.lists(WIDTHS, min_size=2, max_size=6))
def test_networks_are_sorted_by_depth_then_by_numbers(many):
    by_name = sorted(map(names.widths_name, many), key=names.widths_key)
    assert [names.widths_of(name) for name in by_name] == sorted(many, key=lambda widths: (len(widths), widths))


@given(PLAIN, st.integers(1, 20), st.none() | st.tuples(WIDTHS, ACTIVATION), st.none() | st.integers(1, 99))
def test_the_family_of_a_dataset_is_the_name_that_it_was_built_from(name, dimension, network, seed):
    assert names.dataset_family(names.dataset_name(name, dimension, network, seed), dimension, {"target": "teacher"}) == name


def test_numbers_in_names_count_as_numbers():
    ordered = ["gp-s0.5-d8-r4-g", "gp-s2-d4-r16-g", "gp-s2-d16-r4-g", "gp-s10-d2-r4-g", "mine"]
    assert sorted(reversed(ordered), key=names.natural_key) == ordered


@given(st.lists(PLAIN | st.text(max_size=6), max_size=6))
def test_any_names_can_be_ordered(many):
    assert sorted(sorted(many, key=names.natural_key)) == sorted(many) and sorted(sorted(many, key=names.setting_key)) == sorted(many)


def test_examples():
    assert names.record_place("channels", "rosenbrock-d4", "softplus", (4, 4), False, 1, 20) == (
        "runs/channels/rosenbrock-d4/softplus/r4x4-nobias/seeds-1-20.npz"
    )
    assert names.dataset_name("gp-s0.5", 4, ((8,), "softplus")) == "gp-s0.5-d4-r8-softplus"
    settings = [names.setting_name(*words) for words in [("gp-s10", "softplus", 1), ("gp-s2", "softplus", 1), ("rosenbrock", "erf", 3)]]
    assert sorted(settings, key=names.setting_key) == ["gp-s2", "gp-s10", "rosenbrock erf 3 layers"]
