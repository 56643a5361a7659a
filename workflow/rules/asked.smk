# What the configuration asks for: datasets, and blocks of runs.

from importlib.util import find_spec

DATASETS = expansion.datasets(config)
DRAWS = {name for name, job in DATASETS.items() if job["spec"]["target"] == "gaussian-process"}

# Draws of Gaussian processes need torch. Without it those that are not there yet are left out, and the runs on them; all else
# is made. Whoever asks for one by its name gets a job that says what is missing.
TORCH = "Gaussian processes need torch and GPyTorch: `make gp-environment`, or pip install -r requirements-gp.txt"
CAN_DRAW = find_spec("gpytorch") or (ROOT / ".venv-gp").exists() or internals.makes_conda_environments(workflow)
NOT_DRAWN = {name for name in DRAWS if not CAN_DRAW and not Path(f"{RESULTS}/datasets/{name}.npz").exists()}
if PUBLISHED:
    NOT_DRAWN = published.left_out(PUBLISHED)
elif NOT_DRAWN and internals.is_main_process(workflow):
    logger.warning(f"Left out: the runs on {len(NOT_DRAWN)} datasets. {TORCH}")

BLOCKS = {f"{RESULTS}/{block.record}": block for block in expansion.blocks(config) if block.dataset not in NOT_DRAWN}
