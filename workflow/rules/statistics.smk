# One table each, one row per thing that the table is named after.


rule runs_table:
    input:
        list(BLOCKS),
    output:
        table="results/statistics/runs.parquet",
        summary="results/statistics/summary.txt",
    log:
        "results/logs/statistics/runs.log",
    benchmark:
        "results/benchmarks/statistics/runs.tsv"
    params:
        code=code("runs_table.py"),
    resources:
        mem_mb=4000,
        runtime=60,
    message:
        f"table of runs, from {len(BLOCKS)} records"
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/runs_table.py"


rule table:
    input:
        "results/statistics/runs.parquet",
    output:
        "results/statistics/{table}.parquet",
    log:
        "results/logs/statistics/{table}.log",
    benchmark:
        "results/benchmarks/statistics/{table}.tsv"
    wildcard_constraints:
        table="loss_levels|solutions|shares",
    params:
        code=code("table.py"),
    resources:
        mem_mb=4000,
        runtime=60,
    message:
        "table {wildcards.table}"
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/table.py"
