"""Columns and schemas of tables, and the columns that several tables have.

Units are those of the data: y is the unit of the target and θ that of the parameters, both 1 for this project's own datasets,
which are standardised. A loss is a mean squared error, hence in y²; t is the time of the flow dθ/dt = −∇L of that loss, hence in
θ²/y².
"""

from collections.abc import Mapping
from dataclasses import dataclass

ONE = "1"  # of a number without dimension
LOSS = "y²"
GRADIENT = "y²/θ"
CURVATURE = "y²/θ²"
TIME = "θ²/y²"
NORM = "θ²"
WEIGHT = "θ"


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Parameters
    ----------
    kind
        Its type, as pandas names it: "str", "bool", "int64" or "float64"; "object" is a list of float64 in every row.
    meaning
        What it holds, in a sentence.
    unit
        Of a number, "1" for one without dimension; "" for texts, truth values, and where it differs from row to row.
    """

    kind: str
    meaning: str
    unit: str = ""


@dataclass(frozen=True)
class Schema:
    """A table.

    Parameters
    ----------
    name
        Of the table, and of its file.
    row
        What a row is about, after "one row per".
    columns
        Name → `Column`, in order.
    """

    name: str
    row: str
    columns: Mapping[str, Column]

    @property
    def kinds(self) -> dict[str, str]:
        """Name → type of each column."""
        return {name: column.kind for name, column in self.columns.items()}


def text(meaning: str) -> Column:
    """A column of texts.

    Parameters
    ----------
    meaning : str
        What it holds, in a sentence.

    Returns
    -------
    Column
    """
    return Column("str", meaning)


def flag(meaning: str) -> Column:
    """A column of truth values.

    Parameters
    ----------
    meaning : str
        What it holds, in a sentence.

    Returns
    -------
    Column
    """
    return Column("bool", meaning)


def count(meaning: str) -> Column:
    """A column of whole numbers.

    Parameters
    ----------
    meaning : str
        What it holds, in a sentence.

    Returns
    -------
    Column
    """
    return Column("int64", meaning, ONE)


def number(meaning: str, unit: str = ONE) -> Column:
    """A column of numbers; NaN stands for none.

    Parameters
    ----------
    meaning : str
        What it holds, in a sentence.
    unit : str

    Returns
    -------
    Column
    """
    return Column("float64", meaning, unit)


def numbers(meaning: str, unit: str = ONE) -> Column:
    """A column of lists of numbers.

    Parameters
    ----------
    meaning : str
        What it holds, in a sentence.
    unit : str

    Returns
    -------
    Column
    """
    return Column("object", meaning, unit)


PLACE = {
    "sweep": text("The sweep of the configuration."),
    "dataset": text("The name of the dataset's file."),
    "dimension": count("The number d of inputs."),
    "activation": text("The activation of the hidden neurons."),
}
WIDTHS = {"widths": text("The widths of the hidden layers, 4x4 for two of four neurons.")}
BIAS = {"bias": flag("Whether the neurons have biases.")}
PROTOCOL_COLUMNS = {
    "initial_scale": number("The factor on the initial weights."),
    "scheme": text("How the initial weights were drawn: glorot_normal, he_uniform, …"),
    "optimiser": text("What the run followed: flow, or the steps of gd, sgd or adam."),
    "rate": number("The learning rate of an optimiser, 0 for a flow."),
    "batch": count("The samples in one of its steps, 0 for all."),
    "budget": count("The number of steps that it was given, 0 for a flow."),
    "maxnorm": number("Where the norm wall stood, in ‖θ‖ = Σθ²/(2P).", NORM),
}
NETWORK_COLUMNS = {
    "setting": text("What panels compare, over all dimensions and widths: gp-s0.5, rosenbrock erf, rosenbrock 3 layers, gp-s2 scale0.1."),
    "family": text("The dataset's name in the configuration."),
    "dimension": PLACE["dimension"],
    "activation": PLACE["activation"],
    **WIDTHS,
    **BIAS,
    **PROTOCOL_COLUMNS,
}
SEED = {"seed": count("The seed of the run.")}
RECORD_COLUMN = {"record": text("The path of the record that holds the run.")}
IN_CHANNEL = {
    "infinite": flag("Whether ‖θ‖ = Σθ²/(2P) has reached the wall maxnorm; condition 1 of a channel."),
    "channel": flag("Whether the run ended in a channel: conditions 1, 2 and 3 hold (paper, Appendix B.3)."),
}
CONDITIONS = {
    "parallel": flag("Whether a pair of neurons has a cosine distance below 1e-3; condition 2 of a channel."),
    "aligned": flag("Whether the last updates lie in the channel subspace; condition 3 of a channel, as the original's code reads it."),
    "channel": IN_CHANNEL["channel"],
}
SHARE = {
    "count": count("How many of the runs have the quantity."),
    "runs": count("How many runs there are."),
    "share": number("count / runs; NaN without runs."),
    "low": number("The lower end of the 95 % interval of the share: Wilson's, of several networks with the variance among them."),
    "high": number("The upper end of that interval."),
}
