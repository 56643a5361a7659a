"""Colours of what figures show, and what they call it: widths, settings, layers, outcomes, flows.

Categories have the colours of Okabe and Ito (2008) or of Tol (2021), which every colour vision tells apart; what is ordered has a
sequential scale.
"""

GREY = "0.55"
BLACK, ORANGE, SKY, GREEN, YELLOW = "black", "#e69f00", "#56b4e9", "#009e73", "#e6b800"  # the yellow is darker, to show on white
BLUE, VERMILLION, PURPLE = "#0072b2", "#d55e00", "#cc79a7"
NEURON_COLOURS = [GREEN, PURPLE, ORANGE, SKY, VERMILLION, BLUE]

# Widths are ordered, hence a sequential scale (viridis), cut before its pale end.
WIDTH_COLOURS = {"1": "#440154", "2": "#3b528b", "3": "#21918c", "4": "#5ec962", "5": "#d9b800"}
OTHER_WIDTHS = {"8": PURPLE, "16": VERMILLION, "4x4": "#999999", "4x4x4": BLUE}
LAYER_COLOURS = [BLACK, SKY, ORANGE]  # of layers 1, 2, 3 of deep networks

SETTING_COLOURS = {"rosenbrock": "black", "gp-s0.1": "#4477aa", "gp-s0.5": "#66ccee", "gp-s2": "#ccbb44", "gp-s10": "#ee6677"}  # Tol
DATASETS = {"rosenbrock": "Rosenbrock", "rosenbrock-grid": "Rosenbrock grid"}
FINITE_COLOUR, CHANNEL_COLOUR = "#cc3311", "#0077bb"  # red and blue as in the paper's Figure 4 (Tol)

INTO, AWAY = BLUE, VERMILLION  # flows to the one and to the other side of a saddle line
TOY_COLOURS = {"channel 1": VERMILLION, "channel 2": BLUE, "plateau": PURPLE, "saddle line": BLACK, "SGD": GREEN, "Adam": YELLOW}
# Learning rates are ordered.
RATE_COLOURS = ["#440154", "#414487", "#2a788e", "#22a884", "#7ad151", "#d9b800"]


def width_colour(widths):
    """Colour of a width such as "3" or "4x4"; the same in all figures."""
    return (WIDTH_COLOURS | OTHER_WIDTHS).get(widths, BLACK)


def layer_colour(number):
    """Colour of a hidden layer, counted from 1."""
    return LAYER_COLOURS[(number - 1) % len(LAYER_COLOURS)]


def neuron_colour(number):
    """Colour of a neuron, counted from 0."""
    return NEURON_COLOURS[number % len(NEURON_COLOURS)]


def setting_colour(name):
    """Colour of a setting of the sweep `channels`; grey for other activations and for deep networks."""
    return SETTING_COLOURS.get(name, GREY)


def dataset_label(family):
    """What a figure calls a dataset of the configuration: Rosenbrock, GP 0.5, or its own name."""
    return DATASETS.get(family, f"GP {family[4:]}" if family.startswith("gp-s") else family)


def setting_label(name):
    """What a figure calls a setting: Rosenbrock, GP 0.5, erf, 3 layers; without other words, the dataset is the paper's."""
    family, *rest = name.split(" ")
    return " ".join(rest) if rest and family == "rosenbrock" else full_label(name)


def full_label(name, bias=True):
    """A setting's dataset and all else that it is: Rosenbrock, erf; Rosenbrock grid, g, no bias."""
    family, *rest = name.split(" ")
    return ", ".join([dataset_label(family), *([" ".join(rest)] if rest else []), *([] if bias else ["no bias"])])
