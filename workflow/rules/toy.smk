# Two small problems with all of their landscape in sight: the toy (Figures 1, 6, B12), and a relu channel (Figure B13).


rule toy:
    input:
        compiled="<kernels>/compiled.txt",
    output:
        landscape="<results>/toy/landscape.npz",
        flows="<results>/toy/flows.npz",
        descents="<results>/toy/descents.npz",
        limits_table="<results>/statistics/toy_limits.parquet",
        flows_table="<results>/statistics/toy_flows.parquet",
        rates_table="<results>/statistics/toy_rates.parquet",
    log:
        "<results>/logs/toy/toy.log",
    benchmark:
        "<results>/benchmarks/toy/toy.tsv"
    params:
        seed=config["seed"],
        toy=config["toy"],
        code=code("toy.py"),
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
        compiled="<kernels>/compiled.txt",
    output:
        "<results>/toy/relu_channel.npz",
    log:
        "<results>/logs/toy/relu_channel.log",
    benchmark:
        "<results>/benchmarks/toy/relu_channel.tsv"
    params:
        seed=config["seed"],
        code=code("relu_channel.py"),
    resources:
        mem_mb=growing(1000),
        runtime=growing(60),
    message:
        "relu: a channel on infinite data"
    conda:
        "../../envs/flow.yaml"
    script:
        "../scripts/relu_channel.py"
