from importlib.util import find_spec

DATASETS = expansion.datasets(config)
DRAWS = {name for name, job in DATASETS.items() if job["spec"]["target"] == "gaussian-process"}

# Draws of Gaussian processes need torch. Without it those that are not there yet are left out, and the runs on them; all else
# is made. Whoever asks for one by its name gets a job that says what is missing.
TORCH = "Gaussian processes need torch and GPyTorch: `make gp-environment`, or pip install -r requirements-gp.txt"
CAN_DRAW = find_spec("gpytorch") or (ROOT / ".venv-gp").exists() or internals.makes_conda_environments(workflow)
NOT_DRAWN = {name for name in DRAWS if not CAN_DRAW and not Path(f"{RESULTS}/datasets/{name}.npz").exists()}
if NOT_DRAWN and internals.is_main_process(workflow):
    logger.warning(f"Left out: the runs on {len(NOT_DRAWN)} datasets. {TORCH}")


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
