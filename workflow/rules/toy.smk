# Two small problems with all of their landscape in sight: the toy (Figures 1, 6, B12), and a relu channel (Figure B13).


rule toy:
    input:
        compiled="results/compiled.txt",
    output:
        landscape="results/toy/landscape.npz",
        flows="results/toy/flows.npz",
        descents="results/toy/descents.npz",
        limits_table="results/statistics/toy_limits.parquet",
        flows_table="results/statistics/toy_flows.parquet",
        rates_table="results/statistics/toy_rates.parquet",
    log:
        "results/logs/toy/toy.log",
    benchmark:
        "results/benchmarks/toy/toy.tsv"
    params:
        seed=config["seed"],
        toy=config["toy"],
        code=code("toy.py", without=["storage", "gaussian_process"]),
    resources:
        mem_mb=growing(1000),
        runtime=growing(60),
    message:
        "toy: landscape, gradient flows, descents"
    conda:
        "../../envs/flow.yaml"
    script:
        "../scripts/toy.py"


rule relu_channel:
    input:
        compiled="results/compiled.txt",
    output:
        "results/toy/relu_channel.npz",
    log:
        "results/logs/toy/relu_channel.log",
    benchmark:
        "results/benchmarks/toy/relu_channel.tsv"
    params:
        seed=config["seed"],
        code=code("relu_channel.py", without=["storage", "gaussian_process"]),
    resources:
        mem_mb=growing(1000),
        runtime=growing(60),
    message:
        "relu: a channel on infinite data"
    conda:
        "../../envs/flow.yaml"
    script:
        "../scripts/relu_channel.py"


rule fig1:
    input:
        landscape="results/toy/landscape.npz",
        flows="results/toy/flows.npz",
    output:
        figure("fig1"),
    log:
        "results/logs/figures/fig1.log",
    params:
        code=code("figures/fig1_overview.py"),
    message:
        "Figure 1: from a split neuron along a channel to infinity"
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/figures/fig1_overview.py"


rule fig6:
    input:
        landscape="results/toy/landscape.npz",
        flows="results/toy/flows.npz",
        descents="results/toy/descents.npz",
        toy_limits="results/statistics/toy_limits.parquet",
    output:
        figure("fig6"),
    log:
        "results/logs/figures/fig6.log",
    params:
        code=code("figures/fig6_toy.py"),
    message:
        "Figure 6: the toy, its channels, and where descent stops in them"
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/figures/fig6_toy.py"


rule figB12:
    input:
        landscape="results/toy/landscape.npz",
    output:
        figure("figB12"),
    log:
        "results/logs/figures/figB12.log",
    params:
        code=code("figures/figB12_sharpness.py"),
    message:
        "Figure B12: a channel narrows"
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/figures/figB12_sharpness.py"


rule figB13:
    input:
        relu_channel="results/toy/relu_channel.npz",
    output:
        figure("figB13"),
    log:
        "results/logs/figures/figB13.log",
    params:
        code=code("figures/figB13_relu.py"),
    message:
        "Figure B13: what two relu neurons learn in a channel"
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/figures/figB13_relu.py"
