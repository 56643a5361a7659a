"""The table of verdicts on the paper's claims."""

from flatchannels.storage.schemas.columns import Schema, count, number, text

CLAIMS = Schema(
    "claims",
    "claim of the paper",
    {
        "claim": text("The number of the claim: C1, C2, …"),
        "statement": text("What the paper says."),
        "verdict": text("Whether these runs show it: holds, does not hold, undecided."),
        "quantity": text("The quantity by which the verdict is given."),
        "estimate": number("Its estimate, in its own unit.", ""),
        "low": number("The lower end of the 95 % interval of the estimate.", ""),
        "high": number("The upper end of the 95 % interval of the estimate.", ""),
        "n": count("How many runs, flows or neurons the estimate is from."),
        "decision": text("The rule of the verdict."),
        "detail": text("The numbers behind it."),
    },
)
SCHEMAS = [CLAIMS]
