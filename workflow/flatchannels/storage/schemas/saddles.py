"""Tables of saddle lines: the split neurons of all converged networks, flows from saddle lines, updates along them."""

from flatchannels.storage.schemas.columns import (
    BIAS,
    CURVATURE,
    GRADIENT,
    LOSS,
    NETWORK_COLUMNS,
    PLACE,
    RECORD_COLUMN,
    SEED,
    WEIGHT,
    WIDTHS,
    Schema,
    count,
    flag,
    number,
    text,
)

LINE_VERDICT = "Which part of the saddle line is stable, by the Fukumizu–Amari matrix: stable inside, stable outside, unstable, degenerate."
SADDLE_LINES = Schema(
    "saddle_lines",
    "neuron of a converged run of finite norm, split",
    {
        **PLACE,
        **WIDTHS,
        **BIAS,
        **SEED,
        "neuron": count("The neuron that was split, from 0."),
        "loss": number("The loss of the run, and of its saddle lines.", LOSS),
        "a_star": number("The output weight that was split.", WEIGHT),
        "verdict": text(LINE_VERDICT),
        "matrix_min": number("The smallest eigenvalue of the Fukumizu–Amari matrix.", CURVATURE),
        "matrix_max": number("The largest eigenvalue of the Fukumizu–Amari matrix.", CURVATURE),
        "stable_inside": flag("Whether the Hessian has no negative eigenvalue at γ = ½."),
        "stable_outside": flag("Whether the Hessian has no negative eigenvalue at γ = −½."),
        "zeros": count("How many eigenvalues of the Hessian are 0 at γ = ½."),
        "zeros_end": count("How many eigenvalues of the Hessian are 0 at γ = 0."),
        "gradient": number("‖∇L‖∞ / |γ| on the line at |γ| = 1000: 0 but for rounding.", GRADIENT),
        **RECORD_COLUMN,
    },
)
ESCAPES = Schema(
    "escapes",
    "gradient flow that began next to a saddle line",
    {
        "example": text("The example of a saddle line: plateau, channel, or network for the few flows of every other network."),
        "network": text("The network and the run: r3-nobias seed 5."),
        "seed": count("The seed of the run whose saddle line it is."),
        "neuron": count("The neuron that was split, from 0."),
        "verdict": text(LINE_VERDICT),
        "start": number("γ where the flow began."),
        "size": number("The length of the perturbation there, with its sign.", WEIGHT),
        "curvature": number("The eigenvalue of the Hessian along the perturbation.", CURVATURE),
        "loss_line": number("The loss on the saddle line.", LOSS),
        "loss_channel": number("The loss of the run in a channel whose pair was merged; NaN for the plateau.", LOSS),
        "loss": number("The loss where the flow ended.", LOSS),
        "gamma": number("γ where the flow ended, projected onto the line."),
        "distance": number("The distance from the line where the flow ended.", WEIGHT),
        "cosine": number("The mean |cosine| of the last updates with the line; NaN for the plateau."),
        "rise": number("The largest relative rise of the loss from one sample of the flow to the next; 0 where it falls all the way."),
        "back": flag("Whether the flow came back to the channel whose pair was merged."),
        "stop": text("Why the flow ended (reasons.Stop)."),
    },
)
CHANNEL_UPDATES = Schema(
    "channel_updates",
    "run at the norm wall with a single pair, which is parallel",
    {
        "sweep": PLACE["sweep"],
        "dataset": PLACE["dataset"],
        **NETWORK_COLUMNS,
        **SEED,
        "loss": number("The loss of the run.", LOSS),
        "cosine": number("The mean |cosine| of the last 51 updates with the direction common to all saddle lines of the pair."),
        "last": number("That |cosine| of the very last update."),
        "fall": number("By how much the loss falls over these updates, relative to the loss before."),
        "rise": number("How much of that goes up again from one sample to the next, all together, relative to the loss before."),
        **RECORD_COLUMN,
    },
)
SADDLE_SCHEMAS = [SADDLE_LINES, ESCAPES, CHANNEL_UPDATES]
