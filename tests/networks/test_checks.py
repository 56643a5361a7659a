"""What does not fit a network is refused in one line, and what does comes out in one form."""

import numpy as np
import pytest

from flatchannels.networks.checks import checked_inputs, checked_parameters, checked_sizes


@pytest.mark.parametrize("widths", [4, "44", (2.7,), (), (0,), (True,), None, ("4",), np.array([2.0])])
def test_what_is_no_list_of_sizes_is_refused_in_one_line(widths):
    with pytest.raises(ValueError, match="widths .*; inputs must be an integer of at least 1, widths a list of such") as caught:
        checked_sizes(2, widths)
    assert "\n" not in str(caught.value)


def test_numpy_integers_are_sizes():
    assert checked_sizes(np.int64(2), np.array([4, 4])) == (2, (4, 4))


@pytest.mark.parametrize("theta", [[1.0, 2.0], [[1.0, 2.0, 3.0]], ["1", "2", "3"], 3.0, None])
def test_parameters_of_another_number_or_kind_are_refused_in_one_line(theta):
    with pytest.raises(ValueError, match="^theta ") as caught:
        checked_parameters(theta, 3)
    assert "\n" not in str(caught.value)


def test_parameters_come_out_as_contiguous_float64():
    for theta in ([1, 2, 3], np.arange(1.0, 7.0)[::2] / 2 + 0.5, np.array([1, 2, 3], dtype=np.float32)):
        found = checked_parameters(theta, 3)
        assert found.dtype == np.float64 and found.flags.c_contiguous and np.array_equal(found, [1, 2, 3])


@pytest.mark.parametrize("x", [[1.0, 2.0], [[1.0], [2.0]], [[[1.0, 2.0]]], [["a", "b"]]])
def test_inputs_of_another_dimension_or_kind_are_refused_in_one_line(x):
    with pytest.raises(ValueError, match="^x ") as caught:
        checked_inputs(x, 2)
    assert "\n" not in str(caught.value)


def test_one_input_may_come_without_a_second_axis():
    assert np.array_equal(checked_inputs([1, 2, 3], 1), [[1.0], [2.0], [3.0]])
