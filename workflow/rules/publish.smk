# A folder with all that a reader needs to draw the figures again, and to convince himself by a sample of runs: `make publish`.

SHOWING = [figure for figure in FIGURES if not nothing_to_show(figure)]  # not the summaries of one's own sweeps
DRAWN = [path for figure in SHOWING for paths in figure_inputs(figure).values() for path in ([paths] if isinstance(paths, str) else paths)]


rule publish:
    input:
        tables=sorted({*DRAWN, *rules.scorecard.input, rules.scorecard.output.table}),
        ends="<results>/statistics/ends.parquet",
        figures=[path for figure in SHOWING for path in getattr(rules, figure.name).output if not path.endswith(".svg")],
        scorecard=rules.scorecard.output.text,
        records=list(BLOCKS),
    output:
        "<results>/published/origin.json",
    log:
        "<results>/logs/publish.log",
    params:
        asked=asked,
        config=config,
        left_out=sorted(NOT_DRAWN),
        code=code("publish.py"),
    message:
        "published results"
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/publish.py"
