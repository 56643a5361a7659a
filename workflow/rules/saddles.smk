# Saddle lines: of all converged networks a table, and two examples with the landscape around them.

LEVELS = [record for record, block in BLOCKS.items() if block.sweep == "levels"]
LEVEL_DATASETS = sorted({f"results/datasets/{BLOCKS[record].dataset}.npz" for record in LEVELS})
IN_CHANNELS = [record for record, block in BLOCKS.items() if block.sweep in {"channels", "saddles"} and len(block.widths) == 1]
CANDIDATES = [record for record, block in BLOCKS.items() if block.sweep == "saddles"]


rule saddle_lines:
    input:
        records=LEVELS,
        datasets=LEVEL_DATASETS,
        compiled="results/compiled.txt",
    output:
        "results/statistics/saddle_lines.parquet",
    log:
        "results/logs/statistics/saddle_lines.log",
    benchmark:
        "results/benchmarks/statistics/saddle_lines.tsv"
    params:
        code=code("saddle_lines.py", without=["storage", "gaussian_process"]),
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
        lines="results/statistics/saddle_lines.parquet",
        datasets=LEVEL_DATASETS,
        compiled="results/compiled.txt",
    output:
        "results/saddles/plateau.npz",
    log:
        "results/logs/saddles/plateau.log",
    benchmark:
        "results/benchmarks/saddles/plateau.tsv"
    params:
        network=config["saddles"]["plateau"],
        code=code("plateau.py", without=["storage", "gaussian_process"]),
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
        datasets=sorted({f"results/datasets/{BLOCKS[record].dataset}.npz" for record in CANDIDATES}),
        compiled="results/compiled.txt",
    output:
        "results/saddles/channel.npz",
    log:
        "results/logs/saddles/channel.log",
    benchmark:
        "results/benchmarks/saddles/channel.tsv"
    params:
        network=config["saddles"]["channel"],
        maxnorm=config["training"]["maxnorm"],
        code=code("channel_line.py", without=["storage", "gaussian_process"]),
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
        plateau="results/saddles/plateau.npz",
        channel="results/saddles/channel.npz",
        records=IN_CHANNELS,
    output:
        escapes="results/statistics/escapes.parquet",
        channel_updates="results/statistics/channel_updates.parquet",
    log:
        "results/logs/statistics/escapes.log",
    params:
        code=code("escapes.py", without=["flow", "polish", "training", "kernels"]),
    message:
        "tables escapes and channel_updates"
    conda:
        "../../envs/flow.yaml"
    script:
        "../scripts/escapes.py"


# Figures: those of the plateau (2c, 2d, A2, A4), and those of the saddle line of a channel (3, B5, B6).


rule fig2cd:
    input:
        plateau="results/saddles/plateau.npz",
    output:
        figure("fig2cd"),
    log:
        "results/logs/figures/fig2cd.log",
    params:
        code=code("figures/fig2cd_plateau.py"),
    message:
        "Figure 2c, d: a plateau saddle, and flows that begin next to it"
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/figures/fig2cd_plateau.py"


rule figA2:
    input:
        plateau="results/saddles/plateau.npz",
    output:
        figure("figA2"),
    log:
        "results/logs/figures/figA2.log",
    params:
        code=code("figures/figA2_escapes.py"),
    message:
        "Figure A2: flows that begin next to a saddle line, and the Hessian along it"
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/figures/figA2_escapes.py"


rule figA4:
    input:
        plateau="results/saddles/plateau.npz",
    output:
        figure("figA4"),
    log:
        "results/logs/figures/figA4.log",
    params:
        code=code("figures/figA4_eigenvalues.py"),
    message:
        "Figure A4: eigenvalues along a saddle line"
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/figures/figA4_eigenvalues.py"


rule fig3:
    input:
        channel="results/saddles/channel.npz",
    output:
        figure("fig3"),
    log:
        "results/logs/figures/fig3.log",
    params:
        code=code("figures/fig3_channel.py"),
    message:
        "Figure 3: a channel beside a saddle line"
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/figures/fig3_channel.py"


rule figB5:
    input:
        channel="results/saddles/channel.npz",
    output:
        figure("figB5"),
    log:
        "results/logs/figures/figB5.log",
    params:
        code=code("figures/figB5_surface.py"),
    message:
        "Figure B5: the loss around a saddle line to both sides of γ = ½"
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/figures/figB5_surface.py"


rule figB6:
    input:
        channel="results/saddles/channel.npz",
    output:
        figure("figB6"),
    log:
        "results/logs/figures/figB6.log",
    params:
        code=code("figures/figB6_distances.py"),
    message:
        "Figure B6: distances to the saddle line along the flows of Figure 3"
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/figures/figB6_distances.py"
