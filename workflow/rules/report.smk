report: "../report/workflow.rst"


rule scorecard:
    input:
        runs=f"{TABLES}/statistics/runs.parquet",
        shares=f"{TABLES}/statistics/shares.parquet",
        channel_runs=f"{TABLES}/statistics/channel_runs.parquet",
        channel_spectra=f"{TABLES}/statistics/channel_spectra.parquet",
        saddle_lines=f"{TABLES}/statistics/saddle_lines.parquet",
        escapes=f"{TABLES}/statistics/escapes.parquet",
        channel_updates=f"{TABLES}/statistics/channel_updates.parquet",
        routes=f"{TABLES}/statistics/routes.parquet",
        jumps=f"{TABLES}/statistics/jumps.parquet",
        toy_limits=f"{TABLES}/statistics/toy_limits.parquet",
        toy_flows=f"{TABLES}/statistics/toy_flows.parquet",
        toy_rates=f"{TABLES}/statistics/toy_rates.parquet",
    output:
        table="<results>/statistics/claims.parquet",
        text="<results>/scorecard.txt",
    log:
        "<results>/logs/scorecard.log",
    params:
        code=code("scorecard.py"),
    message:
        "scorecard: what the runs say about the paper's claims"
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/scorecard.py"


# Tables that a person reads, as pages of the report. Name → what it shows.
TABLES_SHOWN = {
    "shares": "shares of the sweep levels: duplicates, infinite norm, convergence",
    "loss_levels": "loss levels",
    "channel_shares": "shares of the sweep channels, by network and by dataset",
    "channel_layers": "layers with channels",
    "toy_limits": "the toy's minima and saddles at infinity",
    "toy_rates": "where gradient descent stops in the toy",
}


rule pages:
    input:
        claims=rules.scorecard.output.table,
        **{name: f"{TABLES}/statistics/{name}.parquet" for name in TABLES_SHOWN},
    output:
        claims=report(
            "<results>/report/scorecard.html", caption="../report/scorecard.rst", category="Claims", labels={"table": "scorecard"}
        ),
        **{
            name: report(
                f"<results>/report/{name}.html", caption="../report/table.rst", category="Tables", labels={"table": name, "shows": words}
            )
            for name, words in TABLES_SHOWN.items()
        },
    log:
        "<results>/logs/pages.log",
    params:
        code=code("pages.py"),
    message:
        "pages of the report"
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/pages.py"


# All that the report shows: `make report`, or after it `snakemake --report FILE report_contents`.
rule report_contents:
    input:
        rules.figures.input,
        rules.pages.output,
    message:
        "all that the report shows is there"


CALL = progress.Call()


onstart:
    CALL.begin(workflow, BLOCKS)


onsuccess:
    CALL.end()
