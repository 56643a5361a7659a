"""Tables of the toy: the ends of its channels, gradient flows, and gradient descent."""

from flatchannels.storage.schemas.columns import CURVATURE, GRADIENT, LOSS, NORM, TIME, WEIGHT, Schema, count, flag, number, text

TOY_LIMITS = Schema(
    "toy_limits",
    "critical point of the loss at infinity ℓ(w, 0), or zero of h",
    {
        "kind": text("What it is: minimum at infinity, turning point (a minimum with h < 0), saddle, maximum, or zero of h."),
        "w": number("The input weight w.", WEIGHT),
        "c": number("The best c = a_1 + a_2 there.", WEIGHT),
        "a": number("The best a = ε (a_1 − a_2) there.", NORM),
        "loss": number("The loss at infinity.", LOSS),
        "h": number("The slope h = ∂L/∂ε² at infinity.", CURVATURE),
        "eigenvalue_min": number("The smallest Hessian eigenvalue in (w, c, a).", CURVATURE),
        "eigenvalue_max": number("The largest Hessian eigenvalue in (w, c, a).", CURVATURE),
        "gradient_norm": number("The largest component of the gradient in (w, c, a).", GRADIENT),
    },
)
TOY_FLOWS = Schema(
    "toy_flows",
    "gradient flow of the toy",
    {
        "data": text("The data: infinite, or finite samples."),
        "start": text("Where the flow began: channel 1, channel 2, plateau, or random."),
        "stop": text("Why the flow ended (reasons.Stop)."),
        "gamma": number("γ along the saddle line, at the last point within the wall.", WEIGHT),
        "alpha": number("α across the saddle line, at that point.", WEIGHT),
        "loss": number("The loss at that point.", LOSS),
        "epsilon": number("ε, half the distance of the input weights, at that point.", WEIGHT),
        "limit_loss": number("The loss at infinity of the channel in which the flow ended; NaN where it ended in none.", LOSS),
        "exponent": number("The exponent of L − L_∞ in ε over the last decade of ε; NaN as above."),
        "ratio": number("(L − L_∞) / (ε² h) at that point; NaN as above."),
    },
)
TOY_RATES = Schema(
    "toy_rates",
    "learning rate of gradient descent",
    {
        "rate": number("The learning rate η.", TIME),
        "steps": count("The steps in all."),
        "descent_steps": count("The steps that were made one by one; the flow made the others."),
        "sharpness": number("λ_max where gradient descent stopped.", CURVATURE),
        "ratio": number("λ_max η / 2 there: 1 at the edge of stability."),
        "epsilon": number("ε, half the distance of the input weights, there.", WEIGHT),
        "settled": flag("Whether ε had come to rest."),
    },
)
TOY_SCHEMAS = [TOY_LIMITS, TOY_FLOWS, TOY_RATES]
