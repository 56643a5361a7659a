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


rule figures:
    input:
        rules.fig2.output,
        rules.figA1.output,
        rules.figA3.output,
