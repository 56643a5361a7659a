"""Tables of ends at infinity: routes of runs at the norm wall, and the jump procedure."""

from flatchannels.storage.schemas.columns import (
    CONDITIONS,
    CURVATURE,
    GRADIENT,
    LOSS,
    NETWORK_COLUMNS,
    NORM,
    PLACE,
    RECORD_COLUMN,
    SEED,
    WEIGHT,
    Schema,
    count,
    number,
    text,
)

ROUTES = Schema(
    "routes",
    "run at the norm wall",
    {
        "sweep": PLACE["sweep"],
        "dataset": PLACE["dataset"],
        **NETWORK_COLUMNS,
        "runs": count("How many runs of the network did not fail."),
        **SEED,
        "loss": number("The loss of the run.", LOSS),
        "weight_norm": number("‖θ‖ = Σθ²/(2P) of the run.", NORM),
        **CONDITIONS,
        "route": text("The units of the limit network that are not neurons: pair, 2 pair + steep, …; flat or unknown without such."),
        "verdict": text("Whether there is a minimum at infinity: certified, turns back, undecided."),
        "reason": text("What keeps the verdict from being certified."),
        "loss_infinity": number("The loss of the limit network at its minimum.", LOSS),
        "limit_gradient": number("‖∇L‖∞ of the limit network there.", GRADIENT),
        "limit_min": number("The smallest Hessian eigenvalue of the limit network there.", CURVATURE),
        "limit_max": number("The largest Hessian eigenvalue of the limit network there.", CURVATURE),
        "h": text("The slopes h = ∂L/∂ε² of the pairs at infinity, in y²/θ², separated by spaces."),
        "h_min": number("The smallest of these slopes.", CURVATURE),
        "epsilon": text("ε of the pairs and triples at the wall, in θ, separated by spaces."),
        "epsilon_max": number("The largest of these ε.", WEIGHT),
        "ratio": number("(L − L_∞) over what the slopes at infinity predict, the worse one of two places."),
        "iterations": count("Newton steps to the minimum of the limit network."),
        "finite_loss": number("The loss of the finite minimum that a run turns back to.", LOSS),
        "finite_norm": number("‖θ‖ of the finite minimum that a run turns back to.", NORM),
        "seconds": number("Wall time for the route.", "s"),
        **RECORD_COLUMN,
    },
)
POINT = {
    "epsilon": number("ε, half the distance of the input weights of the pair.", WEIGHT),
    "c": number("c = a_i + a_j of the pair.", WEIGHT),
    "a": number("a = ε (a_i − a_j) of the pair.", NORM),
    "cosine": number("The cosine of Δ, the direction between the input weights, and w, their mean."),
    "loss": number("The loss.", LOSS),
    "excess": number("L − L_∞.", LOSS),
    "limit_error": number("The root mean square of what the pair computes less what the gated unit of its c, a, w, Δ does.", "y"),
    "largest": number("The largest Hessian eigenvalue.", CURVATURE),
}
JUMPED_NETWORK = {
    "family": NETWORK_COLUMNS["family"],
    **{key: PLACE[key] for key in ["dataset", "dimension", "activation"]},
    "widths": NETWORK_COLUMNS["widths"],
    **SEED,
}
JUMPS = Schema(
    "jumps",
    "point along the channel of Figure 5",
    {
        **JUMPED_NETWORK,
        "stage": text("Whether the point is on the run (flow) or made by the jump procedure after it (jump)."),
        **POINT,
        "limit_c": number("c at infinity.", WEIGHT),
        "limit_a": number("a at infinity.", NORM),
        "limit_cosine": number("The cosine of Δ and w at infinity."),
        "loss_infinity": number("L_∞, the loss of the limit network at its minimum.", LOSS),
    },
)
INFINITY_SCHEMAS = [ROUTES, JUMPS]
