"""Names of what the pipeline makes: networks, datasets, settings, records. They are built and read here alone.

A network is r4x4-nobias, its widths 4x4, its first and third layer 1+3. A dataset is what the configuration calls it, with all that
its content depends on: gp-s0.5-d4-r8-softplus. A record is <sweep>/<dataset>/<activation>/<network>/seeds-<first>-<last>.npz. A
*setting* is what the paper's panels compare, over all dimensions and widths: "gp-s0.5", "rosenbrock erf", "rosenbrock 3 layers".
A *protocol* is what of a run's training differs from the default, key by key of `PROTOCOL`; it follows the name of the network,
r4-scale0.1, and that of the setting.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from typing import Any

RECORD = "runs/{sweep}/{dataset}/{activation}/{network}/seeds-{first}-{last}.npz"  # below the folder of results
NO_BIAS = "-nobias"
# What a protocol can hold, in the order of its name, and what stands before each value there.
PROTOCOL = {"initial_scale": "scale", "scheme": "", "optimiser": "", "rate": "rate", "batch": "batch", "budget": "steps",
            "maxnorm": "maxnorm"}  # fmt: skip


def widths_name(widths: Sequence[int]) -> str:
    """The name of widths: 4x4 of (4, 4).

    Parameters
    ----------
    widths : sequence of int
        Of the hidden layers.

    Returns
    -------
    str
    """
    return "x".join(map(str, widths))


def widths_of(name: str) -> tuple[int, ...]:
    """The widths of a name, the inverse of `widths_name`: (4, 4) of 4x4.

    Parameters
    ----------
    name : str

    Returns
    -------
    tuple of int

    Raises
    ------
    ValueError
        The text is no such name.
    """
    return tuple(int(width) for width in name.split("x"))


def widths_key(name: str) -> tuple[int, tuple[int, ...]]:
    """Sorting key of a name of widths: fewer layers first, then by numbers ("2" < "16" < "4x4").

    Parameters
    ----------
    name : str

    Returns
    -------
    tuple
    """
    widths = widths_of(name)
    return len(widths), widths


def numbers_name(numbers: Iterable[int]) -> str:
    """The name of some numbers, such as hidden layers or sizes of groups: 1+3 of (1, 3), the empty text of none.

    Parameters
    ----------
    numbers : iterable of int

    Returns
    -------
    str
    """
    return "+".join(map(str, numbers))


def numbers_of(name: str) -> tuple[int, ...]:
    """The numbers of a name, the inverse of `numbers_name`: (1, 3) of 1+3.

    Parameters
    ----------
    name : str

    Returns
    -------
    tuple of int

    Raises
    ------
    ValueError
        The text is no such name.
    """
    return tuple(int(number) for number in name.split("+")) if name else ()


def protocol_name(protocol: Mapping[str, Any]) -> str:
    """The name of a protocol, such as scale0.1-he_normal-adam-rate0.001-steps5000; the empty text of the default one, which is empty.

    Parameters
    ----------
    protocol : mapping
        With keys of PROTOCOL.

    Returns
    -------
    str
    """
    return "-".join(before + _value_name(protocol[key]) for key, before in PROTOCOL.items() if key in protocol)


def _value_name(value: str | float) -> str:
    """A text as it is, a number by the digits that tell it from all others: 1, 0.1, 1e-05."""
    return value if isinstance(value, str) else repr(float(value)).removesuffix(".0")


def network_name(widths: Sequence[int], bias: bool, protocol: Mapping[str, Any] | None = None) -> str:
    """The name of a network: r4x4, r4x4-nobias without biases, r4x4-scale0.1 with a protocol of its own.

    Parameters
    ----------
    widths : sequence of int
        Of the hidden layers.
    bias : bool
    protocol : mapping, optional
        What of the training is not the default, with keys of PROTOCOL.

    Returns
    -------
    str
    """
    own = protocol_name(protocol or {})
    return f"r{widths_name(widths)}{'' if bias else NO_BIAS}" + (f"-{own}" if own else "")


def record_place(
    sweep: str, dataset: str, activation: str, widths: Sequence[int], bias: bool, first: int, last: int, protocol: Mapping | None = None
) -> str:
    """Where the record of a network's runs lies, below the folder of results.

    Parameters
    ----------
    sweep : str
    dataset : str
        The name of its file.
    activation : str
    widths : sequence of int
        Of the hidden layers.
    bias : bool
    first : int
        The first seed.
    last : int
        The last seed.
    protocol : mapping, optional
        What of the training is not the default, with keys of PROTOCOL.

    Returns
    -------
    str
    """
    network = network_name(widths, bias, protocol)
    return RECORD.format(sweep=sweep, dataset=dataset, activation=activation, network=network, first=first, last=last)


def dataset_name(name: str, dimension: int, network: tuple[Sequence[int], str] | None = None, seed: int | None = None) -> str:
    """The name of a dataset's file: rosenbrock-d4, gp-s0.5-d4-r8-softplus, gp-s0.5-d4-r8-softplus-seed3.

    Parameters
    ----------
    name : str
        In the configuration.
    dimension : int
        Of its inputs.
    network : (widths, activation), optional
        For which it was drawn; None where all networks share it.
    seed : int, optional
        Of the run for which it was drawn; None where all runs of a network share it.

    Returns
    -------
    str
    """
    product = f"{name}-d{dimension}"
    if network:
        widths, activation = network
        product += f"-{network_name(widths, True)}-{activation}"
    return product if seed is None else f"{product}-seed{seed}"


def has_own_name(spec: Mapping[str, Any]) -> bool:
    """Whether the file of a dataset has its name in the configuration: that of a grid, which has one dimension and one content.

    Parameters
    ----------
    spec : dict
        What the configuration says about the dataset.

    Returns
    -------
    bool
    """
    return spec.get("inputs") == "grid" and spec["target"] != "gaussian-process"


def dataset_family(product: str, dimension: int, spec: Mapping[str, Any]) -> str:
    """The name in the configuration of the dataset behind a file's name: gp-s0.5 of gp-s0.5-d4-r8-softplus.

    Parameters
    ----------
    product : str
        The file's name.
    dimension : int
        Of its inputs.
    spec : dict
        What the configuration says about the dataset.

    Returns
    -------
    str
    """
    found = None if has_own_name(spec) else re.fullmatch(rf"(.+)-d{dimension}(-r[0-9x]+-[a-z]+)?(-seed\d+)?", product)
    return found[1] if found else product


def setting_name(family: str, activation: str, depth: int, protocol: Mapping[str, Any] | None = None) -> str:
    """The name of the setting of a network: "gp-s0.5", "rosenbrock erf", "rosenbrock 3 layers", "rosenbrock scale0.1".

    Parameters
    ----------
    family : str
        The dataset's name in the configuration.
    activation : str
    depth : int
        The number of hidden layers.
    protocol : mapping, optional
        What of the training is not the default, with keys of PROTOCOL.

    Returns
    -------
    str
    """
    words = [activation] * (activation != "softplus") + [f"{depth} layers"] * (depth > 1) + [protocol_name(protocol or {})]
    return " ".join([family, *filter(None, words)])


def setting_key(name: str) -> tuple:
    """Sorting key of a setting's name: softplus first, one hidden layer first, Gaussian processes last and by their scale.

    Parameters
    ----------
    name : str

    Returns
    -------
    tuple
    """
    family, *rest = name.split(" ")
    return len(rest), natural_key(" ".join(rest)), family.startswith("gp-s"), natural_key(family)


def natural_key(name: str) -> tuple[str | float, ...]:
    """Sorting key of any name in which numbers count as numbers: gp-s0.5 < gp-s2 < gp-s10.

    Parameters
    ----------
    name : str

    Returns
    -------
    tuple of str and float
    """
    parts = re.split(r"([0-9]+(?:\.[0-9]+)?)", name)  # texts, and numbers between them
    return tuple(float(part) if number else part for part, number in zip(parts, cycle([False, True])))
