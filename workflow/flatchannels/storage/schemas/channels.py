"""Tables of channels to infinity: runs, hidden layers, spectra along flows, shares."""

from flatchannels.storage.schemas.columns import (
    CONDITIONS,
    CURVATURE,
    IN_CHANNEL,
    LOSS,
    NETWORK_COLUMNS,
    SEED,
    SHARE,
    TIME,
    WEIGHT,
    Schema,
    count,
    flag,
    number,
    text,
)
from flatchannels.storage.schemas.runs import RUNS

NETWORKS = {"networks": count("How many networks the runs are of.")}
QUANTITIES = (
    "What is counted: channel, channel_span, channel_pair, channel_turned (columns of channel_runs), infinite, aligned, several "
    "dimensions, converged."
)
CHANNEL_RUNS = Schema(
    "channel_runs",
    "run of the sweep `channels`",
    {
        **NETWORK_COLUMNS,
        **RUNS.columns,
        "loss_test": number("The mean squared error on test data; NaN where the dataset has none.", LOSS),
        **CONDITIONS,
        "first_ratio": number("The share of the first update that lies in the channel subspace, ‖Δθ_proj‖/‖Δθ‖."),
        "late_ratio": number("The mean of that share over the last 51 updates within the wall."),
        "aligned_span": flag("Condition 3 by another reading: the rows of the groups alone, within their span, at the last point."),
        "first_ratio_span": number("first_ratio by that reading."),
        "late_ratio_span": number("late_ratio by that reading."),
        "channel_span": flag("Whether conditions 1 and 2 hold, and 3 by that reading."),
        "channel_pair": flag("Whether conditions 1 and 2 hold."),
        "channel_turned": flag("Whether all conditions hold with neurons turned by the symmetry of the activation, σ(−z) = ±σ(z) + c."),
        "finish_cosine": number(
            "The cosine distance of the ends of flow and finish; beyond 0.01 the original drops a run. NaN where it was not kept."
        ),
        "subspace": count("The dimension of the channel subspace."),
        "channel_dimension": count("The dimension of the largest channel, the size of its group less 1."),
        "channel_layers": text("The hidden layers with a parallel pair, of a run in a channel: 1+3, the first and the third; else empty."),
        "strict_layers": text("Those of these layers in which the output weights of parallel neurons diverge as well."),
    },
)
CHANNELS = Schema(
    "channels",
    "run of the sweep `channels` and hidden layer",
    {
        **NETWORK_COLUMNS,
        **SEED,
        **IN_CHANNEL,
        "layer": count("The number of the hidden layer, from 1."),
        "cosine": number("The cosine distance 1 − cos of the input weights of the closest pair."),
        "distance": number("The distance of the input weights of that pair.", WEIGHT),
        "relative": number("That distance over the mean length of the two."),
        "nearest": number("The least distance of the input weights of any pair.", WEIGHT),
        "strength": number("|a_i| + |a_j|, the output weights of the closest pair.", WEIGHT),
        "sign": count("The sign of a_i a_j, or of a_i · a_j below another hidden layer: −1, 0 or 1."),
        "triplet_cosine": number("The largest cosine distance within the closest triplet."),
        "triplet_distance": number("The largest distance within that triplet.", WEIGHT),
        "triplet_mean": number("The least mean of the three cosine distances within any triplet, as in the original's code."),
        "output_share": number("The share of Σθ² in the output weights of the layer's groups."),
        "layer_parallel": flag("Whether the closest pair has a cosine distance below 1e-3."),
        "layer_diverging": flag("Whether the output weights of the groups hold more than a tenth of Σθ²."),
        "layer_dimension": count("The dimension of the layer's channels: size less 1, over all its groups."),
        "groups": text("The sizes of the groups of nearly parallel neurons, largest first: 3+2; empty without any."),
    },
)
CHANNEL_SPECTRA = Schema(
    "channel_spectra",
    "run of the sweep `channels` and point of its flow",
    {
        **NETWORK_COLUMNS,
        **SEED,
        **IN_CHANNEL,
        "t": number("The time of the flow.", TIME),
        "smallest": number("The smallest eigenvalue of ∇²L there.", CURVATURE),
        "largest": number("The largest eigenvalue of ∇²L there.", CURVATURE),
    },
)
CHANNEL_SHARES = Schema(
    "channel_shares",
    "network and quantity, or setting (dimension 0, widths `all`) and quantity",
    {**NETWORK_COLUMNS, "quantity": text(QUANTITIES), **NETWORKS, **SHARE},
)
CHANNEL_LAYERS = Schema(
    "channel_layers",
    "setting with several hidden layers, criterion and combination of layers",
    {
        "setting": NETWORK_COLUMNS["setting"],
        "criterion": text("When a layer has a channel: by the paper's conditions (paper), or with diverging output weights (diverging)."),
        "layers": text("The hidden layers that have channels, and no others: 1+3 is the first and the third."),
        **NETWORKS,
        **SHARE,
    },
)
CHANNEL_SCHEMAS = [CHANNEL_RUNS, CHANNELS, CHANNEL_SPECTRA, CHANNEL_SHARES, CHANNEL_LAYERS]
