"""The table of verdicts on the paper's claims."""

from flatchannels.storage.schemas.columns import Schema, count, number, text

CLAIM_VERDICTS = Schema(
    "claims",
    "claim of the paper",
    {
        "claim": text("The number of the claim: C1, C2, …"),
        "statement": text("What the paper says."),
        "verdict": text("Whether these runs show it: holds, does not hold, undecided."),
        "quantity": text("The quantity by which the verdict is given."),
        "estimate": number("Its estimate, in its own unit.", ""),
        "low": number("The lower bound of the estimate.", ""),
        "high": number("The upper bound of the estimate.", ""),
        "uncertainty": text("What the bounds are: an interval by network or by run, the numerical error, or exact."),
        "n": count("How many of what is counted the estimate is from."),
        "counted": text("What n counts: runs of 4 networks, distinct minima, …"),
        "chance": number("The largest probability that the verdict is false by chance; 0 for what has no sampling error."),
        "decision": text("The rule of the verdict."),
        "detail": text("The numbers behind it."),
    },
)
CLAIM_SCHEMAS = [CLAIM_VERDICTS]
