# Saddle lines: of all converged networks a table, and two examples with the landscape around them.

LEVELS, CANDIDATES = records_shown("levels"), records_shown("saddles")
SHOWN_IN_CHANNELS = {*records_shown("channels"), *CANDIDATES}
IN_CHANNELS = [record for record in BLOCKS if record in SHOWN_IN_CHANNELS and len(BLOCKS[record].widths) == 1]


rule saddle_lines:
    input:
        records=LEVELS,
        datasets=datasets_of(LEVELS),
        compiled="<kernels>/compiled.txt",
    output:
        "<results>/statistics/saddle_lines.parquet",
    log:
        "<results>/logs/statistics/saddle_lines.log",
    benchmark:
        "<results>/benchmarks/statistics/saddle_lines.tsv"
    params:
        asked=asked,
        code=code("saddle_lines.py"),
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    message:
        "table saddle_lines"
    conda:
        "../../envs/flow.yaml"
    script:
        "../scripts/saddle_lines.py"


rule plateau:
    input:
        lines="<results>/statistics/saddle_lines.parquet",
        records=LEVELS,
        datasets=datasets_of(LEVELS),
        compiled="<kernels>/compiled.txt",
    output:
        "<results>/saddles/plateau.npz",
    log:
        "<results>/logs/saddles/plateau.log",
    benchmark:
        "<results>/benchmarks/saddles/plateau.tsv"
    params:
        network=config["saddles"]["plateau"],
        asked=asked,
        code=code("plateau.py"),
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    message:
        "plateau saddle: spectrum, landscape, perturbed flows"
    conda:
        "../../envs/flow.yaml"
    script:
        "../scripts/plateau.py"


rule channel_line:
    input:
        records=CANDIDATES,
        datasets=datasets_of(CANDIDATES),
        compiled="<kernels>/compiled.txt",
    output:
        "<results>/saddles/channel.npz",
    log:
        "<results>/logs/saddles/channel.log",
    benchmark:
        "<results>/benchmarks/saddles/channel.tsv"
    params:
        network=config["saddles"]["channel"],
        maxnorm=config["training"]["maxnorm"],
        asked=asked,
        code=code("channel_line.py"),
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    message:
        "saddle line of a channel: landscape, flows into the channel"
    conda:
        "../../envs/flow.yaml"
    script:
        "../scripts/channel_line.py"


rule escapes:
    input:
        plateau="<results>/saddles/plateau.npz",
        channel="<results>/saddles/channel.npz",
    output:
        "<results>/statistics/escapes.parquet",
    log:
        "<results>/logs/statistics/escapes.log",
    params:
        code=code("escapes.py"),
    message:
        "table escapes"
    conda:
        "../../envs/flow.yaml"
    script:
        "../scripts/escapes.py"


rule channel_updates:
    input:
        records=IN_CHANNELS,
    output:
        "<results>/statistics/channel_updates.parquet",
    log:
        "<results>/logs/statistics/channel_updates.log",
    params:
        asked=asked,
        code=code("channel_updates.py"),
    message:
        "table channel_updates"
    conda:
        "../../envs/flow.yaml"
    script:
        "../scripts/channel_updates.py"
