# One rule per figure, from this table. Every figure is written as PDF, SVG and PNG.

# What Figure 2 shows: of the sweep `figures.levels` the first dataset and activation without biases, and the target where it can be drawn.
SHOWN = next((BLOCKS[record] for record in records_shown("levels") if not BLOCKS[record].bias), None)
GRIDS = [SHOWN.dataset] if SHOWN and DATASETS[SHOWN.dataset]["spec"].get("inputs") == "grid" else []

# Figure B8: for each scale the first Gaussian process in two dimensions that there is.
FLAT_DRAWS = [name for name in sorted(DRAWS - NOT_DRAWN, reverse=True) if DATASETS[name]["dimension"] == 2]
EXAMPLES = {DATASETS[name]["spec"]["scale"]: name for name in FLAT_DRAWS}.values()

LANDSCAPE, FLOWS, DESCENTS = "toy/landscape.npz", "toy/flows.npz", "toy/descents.npz"
PLATEAU, CHANNEL = "saddles/plateau.npz", "saddles/channel.npz"
OF_RUNS = {name: f"statistics/{name}.parquet" for name in ["runs", "loss_levels", "solutions", "shares"]}
OF_CHANNELS = {
    name: f"statistics/{name}.parquet" for name in ["channel_runs", "channels", "channel_spectra", "channel_shares", "channel_layers"]
}

FIGURES = [
    Figure("fig1", "from a split neuron along a channel to infinity", "fig1_overview.py", {"landscape": LANDSCAPE, "flows": FLOWS}),
    Figure(
        "fig2",
        "solutions and loss levels without biases",
        "fig2_levels.py",
        {"dataset": [f"datasets/{name}.npz" for name in GRIDS], **some(OF_RUNS, "loss_levels", "solutions", "shares")},
        sweep="levels",
        params={"dataset": SHOWN and SHOWN.dataset, "activation": SHOWN and SHOWN.activation},
    ),
    Figure("fig2cd", "a plateau saddle, and flows that begin next to it", "fig2cd_plateau.py", {"plateau": PLATEAU}, "levels"),
    Figure("fig3", "a channel beside a saddle line", "fig3_channel.py", {"channel": CHANNEL}, "saddles"),
    Figure("fig4", "channels to infinity", "fig4_channels.py", OF_CHANNELS, "channels"),
    Figure("fig5", "the jump procedure along a channel", "fig5_jumps.py", {"jumps": "statistics/jumps.parquet"}),
    Figure(
        "fig6",
        "the toy, its channels, and where descent stops in them",
        "fig6_toy.py",
        {"landscape": LANDSCAPE, "flows": FLOWS, "descents": DESCENTS, "toy_limits": "statistics/toy_limits.parquet"},
    ),
    Figure("figA1", "loss levels without and with biases", "figA1_bias.py", some(OF_RUNS, "loss_levels", "shares"), "levels"),
    Figure(
        "figA2", "flows that begin next to a saddle line, and the Hessian along it", "figA2_escapes.py", {"plateau": PLATEAU}, "levels"
    ),
    Figure("figA3", "convergence of all runs", "figA3_convergence.py", some(OF_RUNS, "runs"), "levels"),
    Figure("figA4", "eigenvalues along a saddle line", "figA4_eigenvalues.py", {"plateau": PLATEAU}, "levels"),
    Figure("figB5", "the loss around a saddle line to both sides of γ = ½", "figB5_surface.py", {"channel": CHANNEL}, "saddles"),
    Figure("figB6", "distances to the saddle line along the flows of Figure 3", "figB6_distances.py", {"channel": CHANNEL}, "saddles"),
    Figure("figB7", "convergence of the runs of Figure 4", "figB7_convergence.py", some(OF_CHANNELS, "channel_runs"), "channels"),
    Figure(
        "figB8",
        "Gaussian processes in two dimensions",
        "figB8_draws.py",
        {"draws": [f"datasets/{name}.npz" for name in EXAMPLES]},
        "channels",
    ),
    Figure("figB9", "closest pairs of neurons", "figB9_pairs.py", some(OF_CHANNELS, "channels"), "channels"),
    Figure("figB10", "updates in the channel subspace", "figB10_updates.py", some(OF_CHANNELS, "channel_runs"), "channels"),
    Figure("figB11", "dimensions of channels", "figB11_dimensions.py", some(OF_CHANNELS, "channels"), "channels"),
    Figure("figB12", "a channel narrows", "figB12_sharpness.py", {"landscape": LANDSCAPE}),
    Figure("figB13", "what two relu neurons learn in a channel", "figB13_relu.py", {"relu_channel": "toy/relu_channel.npz"}),
    Figure("figR", "by which routes runs go to infinity", "figR_routes.py", {"routes": "statistics/routes.parquet"}),
    Figure("figS", "shares of channels by width, dimension and dataset", "figS_shares.py", some(OF_CHANNELS, "channel_shares"), "channels"),
]

for figure in FIGURES:

    rule:
        name:
            figure.name
        input:
            **figure_inputs(figure),
        output:
            figure_files(figure),
        log:
            f"<results>/logs/figures/{figure.name}.log",
        params:
            nothing=nothing_to_show(figure),
            sweep=config["figures"].get(figure.sweep),
            script=figure_script(figure),
            code=code(f"figures/{figure_script(figure)}"),
            **figure.params,
        message:
            figure_title(figure)
        conda:
            "../../envs/figures.yaml"
        script:
            "../scripts/figures/{params.script}"


# Those that have something to show.
rule figures:
    input:
        [getattr(rules, figure.name).output for figure in FIGURES if not nothing_to_show(figure)],
        SWEEP_FIGURES,
