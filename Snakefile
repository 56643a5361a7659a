# `snakemake --cores N` makes all figures of config/config.yaml, `snakemake --cores N fig2` one of them.
# Snakemake reads its settings in profiles/default, beside this file.


include: "workflow/rules/pipeline.smk"


rule all:
    input:
        rules.figures.input,
        rules.scorecard.output,
    message:
        "all figures and the scorecard are there"
