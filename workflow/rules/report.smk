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


CALL = progress.Call()


onstart:
    CALL.begin(workflow, BLOCKS)


onsuccess:
    CALL.end()
