report: "../report/workflow.rst"


rule scorecard:
    input:
        runs="<results>/statistics/runs.parquet",
        shares="<results>/statistics/shares.parquet",
        channel_runs="<results>/statistics/channel_runs.parquet",
        channel_spectra="<results>/statistics/channel_spectra.parquet",
        saddle_lines="<results>/statistics/saddle_lines.parquet",
        escapes="<results>/statistics/escapes.parquet",
        channel_updates="<results>/statistics/channel_updates.parquet",
        routes="<results>/statistics/routes.parquet",
        jumps="<results>/statistics/jumps.parquet",
        toy_limits="<results>/statistics/toy_limits.parquet",
        toy_flows="<results>/statistics/toy_flows.parquet",
        toy_rates="<results>/statistics/toy_rates.parquet",
    output:
        table="<results>/statistics/claims.parquet",
        text=report("<results>/scorecard.txt", caption="../report/scorecard.rst", category="Claims"),
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


onsuccess:
    CALL.end()
