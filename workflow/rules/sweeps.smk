# Of every sweep, whatever its name: its tables, its routes, and a figure that sums it up. Those of a sweep that no figure of the paper
# shows are part of all figures; those of others come when asked for, by the name of the rule: summary_levels.

SWEEPS = [sweep for sweep in config["sweeps"] if records_of(sweep)]
OWN_SWEEPS = [sweep for sweep in SWEEPS if sweep not in config["figures"].values()]
SWEEP_FIGURES = [f"<results>/figures/summary_{sweep}.{kind}" for sweep in OWN_SWEEPS for kind in ["svg", "pdf", "png"]]
OF_A_SWEEP = ["channel_runs", "channels", "channel_shares", "loss_levels", "end_shares"]


rule sweep_tables:
    input:
        records=lambda wildcards: records_of(wildcards.sweep),
        datasets=lambda wildcards: datasets_of(records_of(wildcards.sweep)),
    output:
        **{name: f"<results>/sweeps/{{sweep}}/{name}.parquet" for name in OF_A_SWEEP},
        summary="<results>/sweeps/{sweep}/summary.txt",
    log:
        "<results>/logs/sweeps/{sweep}/tables.log",
    benchmark:
        "<results>/benchmarks/sweeps/{sweep}/tables.tsv"
    wildcard_constraints:
        sweep=one_of(SWEEPS),
    params:
        asked=asked,
        code=code("sweep_tables.py"),
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    message:
        "tables of the sweep {wildcards.sweep}"
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/sweep_tables.py"


use rule routes as sweep_routes with:
    input:
        lambda wildcards: [f"<results>/routes/{network}.parquet" for network in ENDS if network.split("/")[0] == wildcards.sweep],
    output:
        "<results>/sweeps/{sweep}/routes.parquet",
    log:
        "<results>/logs/sweeps/{sweep}/routes.log",
    wildcard_constraints:
        sweep=one_of(SWEEPS),
    message:
        "routes to infinity of the sweep {wildcards.sweep}"


for sweep in SWEEPS:

    rule:
        name:
            f"summary_{sweep}"
        input:
            **{name: f"<results>/sweeps/{sweep}/{name}.parquet" for name in ["channel_runs", "channels", "end_shares", "routes"]},
        output:
            report(
                f"<results>/figures/summary_{sweep}.svg",
                caption="../report/sweep.rst",
                category="Sweeps",
                labels={"figure": sweep, "shows": "levels, ends, closest pairs, routes"},
            ),
            f"<results>/figures/summary_{sweep}.pdf",
            f"<results>/figures/summary_{sweep}.png",
        log:
            f"<results>/logs/figures/summary_{sweep}.log",
        params:
            code=code("figures/sweep_overview.py"),
        message:
            f"summary of the sweep {sweep}"
        conda:
            "../../envs/figures.yaml"
        script:
            "../scripts/figures/sweep_overview.py"
