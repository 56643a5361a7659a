rule dataset:
    input:
        lambda wildcards: expansion.files_of(DATASETS[wildcards.dataset]["spec"]),
    output:
        "<results>/datasets/{dataset}.npz",
    log:
        "<results>/logs/datasets/{dataset}.log",
    benchmark:
        "<results>/benchmarks/datasets/{dataset}.tsv"
    wildcard_constraints:
        dataset=one_of(DATASETS.keys() - DRAWS),
    params:
        job=lambda wildcards: json.dumps(DATASETS[wildcards.dataset] | {"seed": config["seed"]}),
        code=code("dataset.py"),
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    conda:
        "../../envs/flow.yaml"
    shell:
        'python "$SCRIPTS/dataset.py" {output:q} {params.job:q} > {log:q} 2>&1'


# Draws of Gaussian processes, in the environment with torch.
use rule dataset as gaussian_process with:
    wildcard_constraints:
        dataset=one_of(DRAWS),
    resources:
        mem_mb=growing(3000),
        runtime=growing(20),
    conda:
        "../../envs/gp.yaml"
