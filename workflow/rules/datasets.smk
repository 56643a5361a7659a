import re

DATASETS = settings.datasets(config)


rule dataset:
    output:
        "results/datasets/{dataset}.npz",
    log:
        "results/logs/datasets/{dataset}.log",
    benchmark:
        "results/benchmarks/datasets/{dataset}.tsv"
    wildcard_constraints:
        dataset="|".join(map(re.escape, DATASETS)),
    params:
        job=lambda wildcards: json.dumps(DATASETS[wildcards.dataset] | {"seed": config["seed"]}),
        code=code("dataset.py", without=["records", "network"]),
    resources:
        mem_mb=1000,
        runtime=10,
    conda:
        "../../envs/flow.yaml"
    shell:
        'python "$SCRIPTS/dataset.py" {output:q} {params.job:q} > {log:q} 2>&1'
