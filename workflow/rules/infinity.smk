# The ends of runs at the norm wall: their routes to infinity, network by network, and the jump procedure along a channel.

ENDS = {}  # sweep/dataset/activation/network → its records
for record in BLOCKS:
    ENDS.setdefault(str(Path(record).parent.relative_to(f"{RESULTS}/runs")), []).append(record)
# The channel of Figure 5 is chosen among these: softplus networks with one hidden layer, if there are any.
FIGURE_5 = [network for network, (record, *_) in ENDS.items() if is_softplus_with_one_layer(BLOCKS[record])] or list(ENDS)


rule network_routes:
    input:
        records=lambda wildcards: ENDS["{sweep}/{dataset}/{activation}/{network}".format(**wildcards)],
        dataset="<results>/datasets/{dataset}.npz",
        compiled="<kernels>/compiled.txt",
    output:
        # Not deleted before: more seeds take a certificate each, and the others stay.
        update("<results>/routes/{sweep}/{dataset}/{activation}/{network}.parquet"),
    log:
        "<results>/logs/routes/{sweep}/{dataset}/{activation}/{network}.log",
    benchmark:
        "<results>/benchmarks/routes/{sweep}/{dataset}/{activation}/{network}.tsv"
    params:
        asked=asked,
        code=code("network_routes.py"),
    resources:
        mem_mb=growing(1000),
        runtime=growing(120),
    message:
        "routes to infinity of {wildcards.sweep}/{wildcards.dataset}/{wildcards.activation}/{wildcards.network}"
    conda:
        "../../envs/flow.yaml"
    script:
        "../scripts/network_routes.py"


rule routes:
    input:
        [f"<results>/routes/{network}.parquet" for network in ENDS],
    output:
        "<results>/statistics/routes.parquet",
    log:
        "<results>/logs/statistics/routes.log",
    params:
        code=code("routes.py"),
    message:
        f"table of routes to infinity, from {len(ENDS)} networks"
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/routes.py"


rule jumps:
    input:
        routes=[f"<results>/routes/{network}.parquet" for network in FIGURE_5],
        records=[record for network in FIGURE_5 for record in ENDS[network]],
        datasets=datasets_of(record for network in FIGURE_5 for record in ENDS[network]),
        compiled="<kernels>/compiled.txt",
    output:
        "<results>/statistics/jumps.parquet",
    log:
        "<results>/logs/statistics/jumps.log",
    benchmark:
        "<results>/benchmarks/statistics/jumps.tsv"
    params:
        asked=asked,
        code=code("jumps.py"),
    resources:
        mem_mb=growing(1000),
        runtime=growing(60),
    message:
        "the jump procedure along a channel"
    conda:
        "../../envs/flow.yaml"
    script:
        "../scripts/jumps.py"
