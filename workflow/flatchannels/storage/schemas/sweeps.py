"""Tables of any sweep: how its runs ended, network by network."""

from flatchannels.storage.schemas.columns import NETWORK_COLUMNS, PLACE, SHARE, Schema, text

END_KINDS = {  # of ends, in the order in which they are asked for
    "failed": "no end: an error, or an optimiser that diverged",
    "exact fit": "every sample is fitted, the loss is 0 to rounding",
    "channel": "at the norm wall in a channel, by the paper's three conditions",
    "norm wall": "at the norm wall, not in a channel",
    "plateau saddle": "converged at finite norm, with duplicate neurons",
    "minimum": "converged at finite norm, without",
    "not converged": "all others: a limit, or a budget of steps, came before",
}
END_SHARES = Schema(
    "end_shares",
    "network, protocol and kind of end",
    {
        "sweep": PLACE["sweep"],
        **NETWORK_COLUMNS,
        "end": text("; ".join(f"{kind}, {meaning}" for kind, meaning in END_KINDS.items()) + "."),
        **SHARE,
    },
)
SWEEP_SCHEMAS = [END_SHARES]
