# One rule per figure, with the same name: the tables that its script reads, and the sweep that it shows.
# Every figure is written as PDF, SVG and PNG.


rule fig2:
    input:
        dataset="results/datasets/rosenbrock-grid.npz",
        loss_levels="results/statistics/loss_levels.parquet",
        solutions="results/statistics/solutions.parquet",
        shares="results/statistics/shares.parquet",
    output:
        figure("fig2"),
    log:
        "results/logs/figures/fig2.log",
    params:
        sweep="levels",
        code=code("figures/fig2_levels.py"),
    message:
        "Figure 2: solutions and loss levels without biases"
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/figures/fig2_levels.py"


rule figA1:
    input:
        loss_levels="results/statistics/loss_levels.parquet",
        shares="results/statistics/shares.parquet",
    output:
        figure("figA1"),
    log:
        "results/logs/figures/figA1.log",
    params:
        sweep="levels",
        code=code("figures/figA1_bias.py"),
    message:
        "Figure A1: loss levels without and with biases"
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/figures/figA1_bias.py"


rule figA3:
    input:
        runs="results/statistics/runs.parquet",
    output:
        figure("figA3"),
    log:
        "results/logs/figures/figA3.log",
    params:
        sweep="levels",
        code=code("figures/figA3_convergence.py"),
    message:
        "Figure A3: convergence of all runs"
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/figures/figA3_convergence.py"


# For each scale the first Gaussian process in two dimensions that there is.
FLAT_DRAWS = [name for name in sorted(DRAWS - NOT_DRAWN, reverse=True) if DATASETS[name]["dimension"] == 2]
EXAMPLES = {DATASETS[name]["spec"]["scale"]: name for name in FLAT_DRAWS}.values()


rule fig4:
    input:
        channel_runs="results/statistics/channel_runs.parquet",
        channels="results/statistics/channels.parquet",
        channel_spectra="results/statistics/channel_spectra.parquet",
        channel_shares="results/statistics/channel_shares.parquet",
        channel_layers="results/statistics/channel_layers.parquet",
    output:
        figure("fig4"),
    log:
        "results/logs/figures/fig4.log",
    params:
        code=code("figures/fig4_channels.py"),
    message:
        "Figure 4: channels to infinity"
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/figures/fig4_channels.py"


rule figB7:
    input:
        channel_runs="results/statistics/channel_runs.parquet",
    output:
        figure("figB7"),
    log:
        "results/logs/figures/figB7.log",
    params:
        code=code("figures/figB7_convergence.py"),
    message:
        "Figure B7: convergence of the runs of Figure 4"
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/figures/figB7_convergence.py"


rule figB8:
    input:
        [f"results/datasets/{name}.npz" for name in EXAMPLES],
    output:
        figure("figB8"),
    log:
        "results/logs/figures/figB8.log",
    params:
        code=code("figures/figB8_draws.py"),
    message:
        "Figure B8: Gaussian processes in two dimensions"
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/figures/figB8_draws.py"


rule figB9:
    input:
        channels="results/statistics/channels.parquet",
    output:
        figure("figB9"),
    log:
        "results/logs/figures/figB9.log",
    params:
        code=code("figures/figB9_pairs.py"),
    message:
        "Figure B9: closest pairs of neurons"
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/figures/figB9_pairs.py"


rule figB10:
    input:
        channel_runs="results/statistics/channel_runs.parquet",
    output:
        figure("figB10"),
    log:
        "results/logs/figures/figB10.log",
    params:
        code=code("figures/figB10_updates.py"),
    message:
        "Figure B10: updates in the channel subspace"
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/figures/figB10_updates.py"


rule figB11:
    input:
        channels="results/statistics/channels.parquet",
    output:
        figure("figB11"),
    log:
        "results/logs/figures/figB11.log",
    params:
        code=code("figures/figB11_dimensions.py"),
    message:
        "Figure B11: dimensions of channels"
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/figures/figB11_dimensions.py"


rule figures:
    input:
        [rules.fig1.output, rules.fig6.output, rules.figB12.output, rules.figB13.output],
        rules.fig5.output,
        rules.figR.output,
        [rules.fig2.output, rules.figA1.output, rules.figA3.output, rules.fig2cd.output, rules.figA2.output, rules.figA4.output]
        if "levels" in config["sweeps"]
        else [],
        [rules.fig3.output, rules.figB5.output, rules.figB6.output] if "saddles" in config["sweeps"] else [],
        [rules.fig4.output, rules.figB7.output, rules.figB8.output, rules.figB9.output, rules.figB10.output, rules.figB11.output]
        if "channels" in config["sweeps"]
        else [],
