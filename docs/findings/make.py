"""The findings, docs/findings.md: text.md beside this script, with its numbers from the published tables.

    python docs/findings/make.py

What an experiment of its own found stands in the text as it is, since the published tables do not hold it. Sentences are written for
the verdicts as they are: where one changes, read them again.
"""

import re
from pathlib import Path

import pandas as pd

DOCS = Path(__file__).parents[1]
PAGE, TEXT, TABLES = DOCS / "findings.md", DOCS / "findings" / "text.md", DOCS / "reproduction" / "statistics"
RUN = ["sweep", "dataset", "activation", "widths", "seed"]
PROCESSES = {f"gp-s{scale}": f"s = {scale}" for scale in ("0.1", "0.5", "2", "10")}
TARGETS = {"rosenbrock": "Rosenbrock"} | PROCESSES
SEEDS = 50  # initialisations of each network of Figure 4 in the paper
SHARES = ("infinite", "channel_pair", "channel", "channel_span")
EXPONENT = r"(\S+ ± [^\s,;]+)"  # of a power law, with its error, in the words of C13
WIDEST = ("16", "4x4", "4x4x4")
TURNED = 0.01  # cosine distance of the ends of flow and finish beyond which the original drops a run


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(published()), encoding="utf-8")


def published() -> dict[str, pd.DataFrame]:
    """The published tables that the page is about, by name."""
    names = ("claims", "ends", "channel_runs", "channel_shares", "channel_updates", "routes")
    return {name: pd.read_parquet(TABLES / f"{name}.parquet") for name in names}


def page(tables: dict[str, pd.DataFrame]) -> str:
    """The text of docs/findings.md."""
    answers: dict[str, str] = {}
    for section in (verdicts, details, sizes, channels, networks, parallel_pairs, roughness, walls):
        answers |= section(tables)
    return TEXT.read_text(encoding="utf-8").format(**answers)


# Sections of the page: name in the text → what stands there


def verdicts(tables: dict[str, pd.DataFrame]) -> dict[str, str]:
    """Of each claim C1, C2, …: its verdict; `C1_share`, its estimate with interval in per cent; `C1_value`, as a number; `C1_n`."""
    told: dict[str, str] = {}
    for row in tables["claims"].itertuples():
        told |= {row.claim: row.verdict, f"{row.claim}_n": str(row.n)}
        told[f"{row.claim}_share"] = share(row.estimate, row.low, row.high)
        told[f"{row.claim}_value"] = f"{number(row.estimate)} [{number(row.low)}, {number(row.high)}]"
        told[f"{row.claim}_estimate"] = f"{row.estimate:.4f}".replace("-", "−")
        told[f"{row.claim}_count"] = str(round(row.estimate * row.n))
    return told


def details(tables: dict[str, pd.DataFrame]) -> dict[str, str]:
    """What claims count besides their estimates."""
    detail = tables["claims"].set_index("claim")["detail"]
    told = {f"C1_width{width}": f"r = {width}: {of_width(parts(detail['C1'])[f'r = {width}'])}" for width in (2, 3, 4, 5)}
    [told["C3_accident"]] = found(detail["C3"], r"([\d.]+) expected by accident")
    told["C3_shared"], told["C3_duplicates"] = found(detail["C3"], r"(\d+) of (\d+) are on shared levels")
    told["C3_levels"], told["C3_on_levels"] = found(detail["C3"], r"(\d+ of \d+) levels are of several widths, with (\d+ of \d+) runs")
    told["C4_return"], told["C4_lower"] = found(detail["C4"], r"plateaus of (\d+ of \d+) networks .* of (\d+ of \d+) all end lower")
    told["C6_criterion"] = count(detail["C6"], "of those that fulfil the third criterion too")
    for name, reading in {"span": "the rows of the group alone", "certified": "with a certified pair or triple on the route"}.items():
        numbers = map(float, found(detail["C7"], rf"{reading} (\S+) \((\S+) to (\S+)\)"))
        told[f"C7_{name}"] = "{} [{}, {}]".format(*map(number, numbers))
    told["C9_grows"], told["C9_finite"] = count(detail["C9"], "in channels"), count(detail["C9"], "finite")
    for name, combinations in zip(("layers", "strict"), found(detail["C10"], "paper: (.*); diverging: (.*)"), strict=True):
        told[f"C10_{name}"] = re.sub(r"([\d+]+) (\d+)", r"\1: \2", combinations).replace("+", " + ")
    last, first = (parts(detail["C12"])[label] for label in ("last above", "first above"))
    told["C12_shares"] = f"{ratio(last)} % and {ratio(first)} %"
    exponents = found(detail["C13"], f"excess {EXPONENT}, limit_error {EXPONENT}, largest {EXPONENT}")
    told["C13_exponents"] = ", ".join(exponents).replace("-", "−")
    [told["C14_zeros"]] = found(detail["C14"], r"zeros of h: ([\d.]+, [\d.]+)")
    told["C15_products"] = " to ".join(sorted(set(re.findall(r": ([\d.]+) at ε", detail["C15"]))))
    return told


def sizes(tables: dict[str, pd.DataFrame]) -> dict[str, str]:
    """How many runs there are, and which have not converged."""
    runs, ends = tables["channel_runs"], tables["ends"].groupby("sweep").size()
    networks = runs.groupby(RUN[:-1]).seed.nunique()
    seeds, missing = int(networks.iloc[0]), len(networks) * SEEDS - len(runs)
    unfinished, turned = runs[~runs.converged], runs.finish_cosine.dropna()
    where = dict.fromkeys(f"{row.setting}, r = {row.widths.replace('x', ' × ')}, d = {row.dimension}" for row in unfinished.itertuples())
    return {
        "runs": grouped(ends.sum()),
        "levels": grouped(ends["levels"]),
        "saddles": grouped(ends["saddles"]),
        "initialisations": f"the first {seeds} of {SEEDS} initialisations" if missing else f"all {SEEDS} initialisations",
        "networks": str(len(networks)),
        "seeds": str(seeds),
        "missing": f" The other {grouped(missing)} runs will narrow them." if missing else "",
        "converged": f"{grouped(len(runs) - len(unfinished))} of {grouped(len(runs))}",
        "unfinished": f"{len(unfinished)} of {grouped(len(runs))} runs of Figure 4 ({'; '.join(where)})",
        "turned": f"{(turned > TURNED).sum() or 'none'} of the {grouped(len(turned))}",
        "relu": str((runs.activation == "relu").sum()),
    }


def channels(tables: dict[str, pd.DataFrame]) -> dict[str, str]:
    """The table of shares."""
    shares = tables["channel_shares"].query("dimension == 0 and widths == 'all' and activation == 'softplus'")
    shares = shares.set_index(["setting", "quantity"])
    bounds = ["share", "low", "high"]
    rows = [
        " | ".join([f"| {name}", *(share(*shares.loc[(setting, quantity), bounds], sign="") for quantity in SHARES)]) + " |"
        for setting, name in TARGETS.items()
    ]
    by_roughness = [percent(shares.loc[(setting, "channel"), "share"]) for setting in PROCESSES]
    return {
        "share_rows": "\n".join(rows),
        "runs_of_target": str(shares.loc[("rosenbrock", "channel"), "runs"]),
        "all_channels": ", ".join(by_roughness),
        "smoothest": by_roughness[0],
        "smooth": by_roughness[1],
        "roughest": by_roughness[-1],
    }


def networks(tables: dict[str, pd.DataFrame]) -> dict[str, str]:
    """How far single networks are apart, in numbers of channels and as a share of the variance (intraclass correlation)."""
    runs = softplus(tables["channel_runs"])
    counts = runs.groupby(["setting", "dimension", "widths"]).channel.agg(["sum", "count"])
    spans = {setting: f"{counts.loc[setting, 'sum'].min()} to {counts.loc[setting, 'sum'].max()}" for setting in TARGETS}
    shares = [correlation(counts.loc[setting]) for setting in PROCESSES]
    return {
        "spans": ", ".join(spans[setting] for setting in PROCESSES),
        "span_rosenbrock": spans["rosenbrock"],
        "between": f"{percent(min(shares))} to {percent(max(shares))}",
        "between_rosenbrock": percent(correlation(counts.loc["rosenbrock"])),
    }


def correlation(counts: pd.DataFrame) -> float:
    """Of the runs of one network, by the analysis of variance of hits among networks that have as many runs (Donner 1986).

    counts : one row per network, its hits in the column sum and its runs in count.
    """
    size, shares = int(counts["count"].iloc[0]), counts["sum"] / counts["count"]
    between = size * shares.var(ddof=1)
    within = (shares * (1 - shares)).mean() * size / (size - 1)
    return float((between - within) / (between + (size - 1) * within))


def parallel_pairs(tables: dict[str, pd.DataFrame]) -> dict[str, str]:
    """The runs of C6, by what is certified of them."""
    runs = tables["channel_updates"].merge(tables["routes"][[*RUN, "route", "verdict"]], on=RUN, how="left")
    certified = ((runs.route == "pair") & (runs.verdict == "certified")).sum()
    detail = tables["claims"].set_index("claim").loc["C6"]
    moving, of = map(int, parts(detail.detail)["of those with a certified pair at infinity"][:2])
    if (len(runs), certified) != (detail.n, of):
        raise ValueError(f"C6 counts {of} of {detail.n} runs with a certified pair, the tables have {certified} of {len(runs)}")
    return {
        "C6_certified": str(of),
        "C6_moving": f"{moving} of {of}",
        "C6_moving_share": percent(moving / of),
        "C6_others": str(len(runs) - of),
        "C6_others_moving": str(round(detail.estimate * detail.n) - moving or "none"),
        "C6_steep": str(runs.route.astype(str).str.contains("steep").sum()),
    }


def roughness(tables: dict[str, pd.DataFrame]) -> dict[str, str]:
    """How many runs with a parallel pair at the wall pass condition 3, and which routes runs take."""
    runs, routes = softplus(tables["channel_runs"]), tables["routes"]
    sums = runs.groupby("setting")[["channel", "channel_pair"]].sum()
    certified = routes[(routes.verdict == "certified") & (routes.sweep == "channels")]
    ways = softplus(certified).assign(
        pair=lambda rows: rows.route.str.contains("pair|triple"), steep=lambda rows: rows.route.str.contains("steep")
    )
    shares, inside = ways.groupby("setting")[["pair", "steep"]].mean(), ways[ways.channel & ways.pair].groupby("setting").size()
    return {
        "condition_3": ", ".join(percent(sums.channel[setting] / sums.channel_pair[setting]) for setting in PROCESSES),
        "pairs_inside": ", ".join(f"{inside[setting]} of {sums.channel[setting]}" for setting in PROCESSES),
        "routes_pair": ", ".join(percent(shares.pair[setting]) for setting in TARGETS),
        "routes_steep": ", ".join(percent(shares.steep[setting]) for setting in TARGETS),
    }


def walls(tables: dict[str, pd.DataFrame]) -> dict[str, str]:
    """What is certified of the runs at the norm wall."""
    smooth = tables["routes"].query("activation != 'relu'")
    undecided = smooth[smooth.verdict == "undecided"]
    counts, all_runs, open_runs = (table.value_counts() for table in (smooth.verdict, smooth.sweep, undecided.sweep))
    wide = undecided[undecided.sweep == "channels"].widths.isin(WIDEST)
    return {
        "walls": str(len(smooth)),
        "walls_certified": str(counts["certified"]),
        "walls_back": str(counts["turns back"]),
        "walls_undecided": str(counts["undecided"]),
        "undecided_levels": f"{open_runs['levels']} of {all_runs['levels']}",
        "undecided_channels": f"{open_runs['channels']} of {all_runs['channels']}",
        "undecided_wide": percent(wide.mean()),
    }


# Words for numbers


def softplus(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs of one hidden layer of softplus."""
    return runs[runs.setting.isin(TARGETS) & (runs.activation == "softplus")]


def parts(detail: str) -> dict[str, tuple[str, ...]]:
    """What a claim counts: label → (count, of how many, low, high), the bounds in per cent."""
    listed = re.findall(r"([^;:,.\n]+): (\d+)/(\d+) \((\d+)–(\d+)%\)", detail)
    return {label.strip(): tuple(numbers) for label, *numbers in listed}


def ratio(counts: tuple[str, ...]) -> str:
    """Of such a part, in per cent."""
    return f"{100 * int(counts[0]) / int(counts[1]):.0f}"


def of_width(counts: tuple[str, ...]) -> str:
    """Of such a part, with its interval."""
    return f"none of {counts[1]}" if counts[0] == "0" else f"{ratio(counts)} % [{counts[2]}, {counts[3]}]"


def count(detail: str, label: str) -> str:
    """201 of 261."""
    return " of ".join(parts(detail)[label][:2])


def found(detail: str, pattern: str) -> tuple[str, ...]:
    """What a pattern finds in the words of a claim."""
    match = re.search(pattern, detail, re.DOTALL)
    if not match:
        raise ValueError(f"{pattern!r} is not in {detail!r}; the claim says it in other words now")
    return match.groups()


def percent(value: float) -> str:
    """In whole per cent, near 0 and 100 with one digit more."""
    digits = 1 if 0 < value < 0.015 or 0.985 < value < 1 else 0
    return f"{100 * value:.{digits}f}".replace(".0", "")


def share(estimate: float, low: float, high: float, sign: str = " %") -> str:
    """57 % [45, 68]."""
    return f"{percent(estimate)}{sign} [{percent(low)}, {percent(high)}]"


def number(value: float) -> str:
    """With two digits after the point, near 0 and 1 with three."""
    return f"{value:.{3 if abs(value) < 0.5 or 0.99 < value < 1 else 2}f}".replace("-", "−")


def grouped(value: int) -> str:
    """7 860."""
    return f"{value:,}".replace(",", " ")


if __name__ == "__main__":
    main()
