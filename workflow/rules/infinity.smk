# The ends of runs at the norm wall: their routes to infinity, network by network, and the jump procedure along a channel.

ENDS = {}  # sweep/dataset/activation/network → its records
for record in BLOCKS:
    ENDS.setdefault(str(Path(record).parent.relative_to("results/runs")), []).append(record)
# The channel of Figure 5 is chosen among these: softplus networks with one hidden layer, if there are any.
FIGURE_5 = [network for network, (record, *_) in ENDS.items() if is_softplus_with_one_layer(BLOCKS[record])] or list(ENDS)


rule network_routes:
    input:
        records=lambda wildcards: ENDS["{sweep}/{dataset}/{activation}/{network}".format(**wildcards)],
        dataset="results/datasets/{dataset}.npz",
        compiled="results/compiled.txt",
    output:
        "results/routes/{sweep}/{dataset}/{activation}/{network}.parquet",
    log:
        "results/logs/routes/{sweep}/{dataset}/{activation}/{network}.log",
    benchmark:
        "results/benchmarks/routes/{sweep}/{dataset}/{activation}/{network}.tsv"
    params:
        code=code("network_routes.py"),
    resources:
        mem_mb=1000,
        runtime=120,
    conda:
        "../../envs/flow.yaml"
    shell:
        'python "$SCRIPTS/network_routes.py" {input.dataset:q} {output:q} {input.records:q} > {log:q} 2>&1'


rule routes:
    input:
        [f"results/routes/{network}.parquet" for network in ENDS],
    output:
        "results/statistics/routes.parquet",
    log:
        "results/logs/statistics/routes.log",
    params:
        code=code("routes.py"),
    message:
        f"table of routes to infinity, from {len(ENDS)} networks"
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/routes.py"


rule figR:
    input:
        routes="results/statistics/routes.parquet",
    output:
        figure("figR"),
    log:
        "results/logs/figures/figR.log",
    params:
        code=code("figures/figR_routes.py"),
    message:
        "Figure R: by which routes runs go to infinity"
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/figures/figR_routes.py"


rule jumps:
    input:
        routes=[f"results/routes/{network}.parquet" for network in FIGURE_5],
        records=[record for network in FIGURE_5 for record in ENDS[network]],
        compiled="results/compiled.txt",
    output:
        "results/statistics/jumps.parquet",
    log:
        "results/logs/statistics/jumps.log",
    benchmark:
        "results/benchmarks/statistics/jumps.tsv"
    params:
        code=code("jumps.py"),
    resources:
        mem_mb=1000,
        runtime=60,
    conda:
        "../../envs/flow.yaml"
    shell:
        'python "$SCRIPTS/jumps.py" {output:q} {input.routes:q} > {log:q} 2>&1'


rule fig5:
    input:
        jumps="results/statistics/jumps.parquet",
    output:
        figure("fig5"),
    log:
        "results/logs/figures/fig5.log",
    params:
        code=code("figures/fig5_jumps.py"),
    message:
        "Figure 5: the jump procedure along a channel"
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/figures/fig5_jumps.py"
