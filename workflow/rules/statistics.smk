# What the paper's figures and claims are about. One table each, one row per thing that the table is named after. The sweeps of
# `figures.levels` and `figures.channels` have tables of their own, so that a figure that does not show them does not need their runs.

RUNS, CHANNELS = records_shown("levels"), records_shown("channels")


rule runs_table:
    input:
        RUNS,
    output:
        table="<results>/statistics/runs.parquet",
        summary="<results>/statistics/summary.txt",
    log:
        "<results>/logs/statistics/runs.log",
    benchmark:
        "<results>/benchmarks/statistics/runs.tsv"
    params:
        asked=asked,
        code=code("runs_table.py"),
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    message:
        f"table of runs, from {len(RUNS)} records"
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/runs_table.py"


# Only the solutions look into the records again, for the parameters.
rule table:
    input:
        runs="<results>/statistics/runs.parquet",
        records=lambda wildcards: RUNS if wildcards.table == "solutions" else [],
    output:
        "<results>/statistics/{table}.parquet",
    log:
        "<results>/logs/statistics/{table}.log",
    benchmark:
        "<results>/benchmarks/statistics/{table}.tsv"
    wildcard_constraints:
        table="loss_levels|solutions|shares",
    params:
        asked=asked,
        code=code("table.py"),
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    message:
        "table {wildcards.table}"
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/table.py"


rule channels:
    input:
        records=CHANNELS,
        datasets=datasets_of(CHANNELS),
    output:
        channel_runs="<results>/statistics/channel_runs.parquet",
        channels="<results>/statistics/channels.parquet",
        channel_spectra="<results>/statistics/channel_spectra.parquet",
        channel_shares="<results>/statistics/channel_shares.parquet",
        channel_layers="<results>/statistics/channel_layers.parquet",
        summary="<results>/statistics/channels_summary.txt",
    log:
        "<results>/logs/statistics/channels.log",
    benchmark:
        "<results>/benchmarks/statistics/channels.tsv"
    params:
        asked=asked,
        code=code("channels_table.py"),
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    message:
        f"tables of channels, from {len(CHANNELS)} records"
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/channels_table.py"


# Where every run of every sweep ended, θ included: for whoever publishes, or looks into the networks.
rule ends:
    input:
        list(BLOCKS),
    output:
        "<results>/statistics/ends.parquet",
    log:
        "<results>/logs/statistics/ends.log",
    benchmark:
        "<results>/benchmarks/statistics/ends.tsv"
    params:
        asked=asked,
        code=code("ends.py"),
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    message:
        f"table of ends, from {len(BLOCKS)} records"
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/ends.py"
