"""Tables of runs: one row per run, what follows for loss levels, solutions and shares, and where each run ended."""

from flatchannels.storage.schemas.columns import (
    BIAS,
    CURVATURE,
    GRADIENT,
    IN_CHANNEL,
    LOSS,
    NORM,
    PLACE,
    PROTOCOL_COLUMNS,
    RECORD_COLUMN,
    SEED,
    SHARE,
    TIME,
    WEIGHT,
    WIDTHS,
    Schema,
    count,
    flag,
    number,
    numbers,
    text,
)

RESULT_COLUMNS = {
    "loss_initial": number("The loss at the initial point.", LOSS),
    "loss_flow": number("The loss at the end of the flow.", LOSS),
    "loss": number("The loss at the minimum that the finish found.", LOSS),
    "loss_cusp": number("For relu the loss of the cusp next to the end of the flow; for others the loss.", LOSS),
    "gradient_norm_flow": number("‖∇L‖∞ at the end of the flow; on the wall, of the gradient along it.", GRADIENT),
    "gradient_norm": number("‖∇(L + R)‖∞ at the minimum.", GRADIENT),
    "weight_norm_flow": number("‖θ‖ = Σθ²/(2P) at the end of the flow.", NORM),
    "weight_norm": number("‖θ‖ = Σθ²/(2P) at the minimum.", NORM),
    "hessian_min": number("The smallest eigenvalue of ∇²(L + R) at the minimum.", CURVATURE),
    "hessian_max": number("The largest eigenvalue of ∇²(L + R) at the minimum.", CURVATURE),
    "t_end": number("When the flow ended.", TIME),
}
COUNT_COLUMNS = {
    "steps": count("Steps of the flow."),
    "rejections": count("Steps of the flow that were refused."),
    "gradients": count("Gradients that the flow took."),
    "hessians": count("Hessians that the flow took."),
    "polish_iterations": count("Newton steps of the finish."),
}
SECONDS = {
    "seconds_flow": number("Wall time of the flow.", "s"),
    "seconds_polish": number("Wall time of the finish.", "s"),
}
CONFIGURATION_COLUMNS = PLACE | BIAS | PROTOCOL_COLUMNS  # whose runs share their loss levels
OUTCOME = {"outcome": text("Which runs are meant: all, finite or infinite norm, no duplicates.")}

RUNS = Schema(
    "runs",
    "run",
    {
        **PLACE,
        **WIDTHS,
        **BIAS,
        **PROTOCOL_COLUMNS,
        **SEED,
        "parameters": count("The number P of parameters."),
        **RESULT_COLUMNS,
        "infinite": IN_CHANNEL["infinite"],
        "loss_infinity": number("The loss in the limit ‖θ‖ → ∞, to leading order, of a run at the wall; for others the loss.", LOSS),
        "duplicates": count("Pairs of neurons in one layer whose input weights are less than 1e-6 apart."),
        "converged": flag("Whether ‖∇(L + R)‖∞ is below 1e-9, or rounding, and λ_min > −1e-6 λ_max of the Hessian; or the fit is exact."),
        "stop": text("Why the flow ended (reasons.Stop)."),
        "finish": text("Why the finish ended (reasons.Finish)."),
        **COUNT_COLUMNS,
        **SECONDS,
        "message": text("The error of a run that failed; empty for others."),
        **RECORD_COLUMN,
        "versions": text("Versions of the software that made the run, JSON."),
        "cpu": text("The processor that made the run."),
    },
)
LOSS_LEVELS = Schema(
    "loss_levels",
    "loss level and width",
    {
        **CONFIGURATION_COLUMNS,
        "level": count("The number of the level in its configuration, 0 for the highest loss; exact fits are one level."),
        "loss": number("The loss of the level: the largest of all its runs, of any width.", LOSS),
        **WIDTHS,
        "runs": count("How many runs of this width are on the level."),
        "duplicates": count("How many of these have duplicate neurons."),
        "infinite": count("How many of these are at the norm wall."),
        "loss_max": number("The largest loss of these runs.", LOSS),
        "loss_min": number("The smallest loss of these runs.", LOSS),
    },
)
SOLUTIONS = Schema(
    "solutions",
    "width and outcome",
    {
        **CONFIGURATION_COLUMNS,
        **WIDTHS,
        **OUTCOME,
        "runs": count("How many runs have this outcome."),
        "solutions": count("How many different networks these found, up to the order and sign of neurons."),
        "singletons": count("How many of these networks were found by one run alone."),
    },
)
SHARES = Schema(
    "shares",
    "width, quantity and outcome",
    {
        **CONFIGURATION_COLUMNS,
        **WIDTHS,
        "quantity": text("What is counted: duplicates, infinite, converged."),
        **OUTCOME,
        **SHARE,
        "failed": count("How many runs of this width failed; they are among the runs of the quantity converged alone."),
    },
)
ENDS = Schema(
    "ends",
    "run of any sweep",
    {
        **PLACE,
        **WIDTHS,
        **BIAS,
        **PROTOCOL_COLUMNS,
        **SEED,
        "stop": RUNS.columns["stop"],
        "finish": RUNS.columns["finish"],
        **{key: RESULT_COLUMNS[key] for key in ["loss", "gradient_norm", "weight_norm"]},
        "theta": numbers("The minimum that the finish found: the row-major [W | b] of each layer, output layer last.", WEIGHT),
    },
)
RUN_SCHEMAS = [RUNS, LOSS_LEVELS, SOLUTIONS, SHARES]
