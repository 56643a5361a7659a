"""The reproducibility card, docs/card.md, from the code, the presets and the published results.

    python docs/card/make.py                          the page anew
    python docs/card/make.py --datasets results       first take checksums from the datasets of these results, into datasets.json

Source of the eight variables: Gundersen & Kjensmo, "State of the Art: Reproducibility in Artificial Intelligence", AAAI 2018.
"""

import argparse
import ast
import json
import re
import sys
import tokenize
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "workflow"))

from flatchannels.names import natural_key  # noqa: E402
from flatchannels.pipeline import config as settings  # noqa: E402
from flatchannels.reporting.claims.verdict import FAILS, HOLDS, UNDECIDED  # noqa: E402
from flatchannels.storage.dataset_files import read_dataset_arrays  # noqa: E402
from flatchannels.storage.schemas.document import table  # noqa: E402

PAGE, CARD, PUBLISHED = ROOT / "docs" / "card.md", ROOT / "docs" / "card", ROOT / "docs" / "reproduction"
DATASETS = CARD / "datasets.json"
PRESETS = {"default": "config.yaml", "paper": "paper.yaml", "smoke": "smoke.yaml"}
ROOMS = ("precision.py", "data", "dynamics", "landscape", "infinity", "studies")  # whose constants a result depends on
SECTIONS = ("training", "saddles", "toy")  # of a configuration, besides datasets and sweeps
COSTS = "Processor time and memory by kind of job:\n"  # head of a table in costs.txt
HARDWARE = """\
Of the [published results](reproduction/README.md). One thread per run, float64 throughout. The processor has LLVM's name beside its
own, since kernels are compiled for it: another one rounds in another order.
"""
MORE = """\
[costs.txt](reproduction/costs.txt) has the hours of every network and dimension, failures, restarts and stop reasons, and
says which hours are by the clock.
"""


def main() -> None:
    """As the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", type=Path, metavar="RESULTS", help="a folder of results")
    given = parser.parse_args()
    if given.datasets:
        DATASETS.write_text(json.dumps(collected(given.datasets), indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")


def collected(results: Path) -> list[dict]:
    """What the datasets of some results say about themselves."""
    found = []
    for path in results.glob("datasets/*.npz"):
        arrays, meta = read_dataset_arrays(path)
        found.append({"name": meta["name"], "target": meta["spec"]["target"], "dimension": arrays["x"].shape[1],
                      "training": len(arrays["x"]), "test": len(arrays.get("x_test", ())), "sha256": meta["sha256"]})  # fmt: skip
    return sorted(found, key=lambda each: natural_key(each["name"]))


def page() -> str:
    """The text of docs/card.md."""
    origin = json.loads((PUBLISHED / "origin.json").read_text(encoding="utf-8"))
    known = json.loads(DATASETS.read_text(encoding="utf-8"))
    presets = {name: settings.validate(settings.load(ROOT / "config" / file), file) for name, file in PRESETS.items()}
    head, pseudocode, data = ((CARD / f"{name}.md").read_text(encoding="utf-8") for name in ("head", "pseudocode", "data"))
    parts = [head.format(**answers(origin, known)), pseudocode, data, data_table(presets), checksums(known)]
    parts += ["## Hardware and software\n", hardware(origin), "## Hyper-parameters\n", hyper_parameters(presets)]
    parts += ["### Sweeps\n", sweeps(presets)]
    return "\n".join(parts)


def answers(origin: dict, known: list[dict]) -> dict[str, str]:
    """What the table of the eight variables says that may change with the published results."""
    verdicts = pd.read_parquet(PUBLISHED / "statistics" / "claims.parquet")["verdict"].value_counts()
    machine, software = origin["machine"], origin["software_of_the_runs"]
    splits = {(each["training"], each["test"]) for each in known if each["test"]}
    costs = cost_rows()
    return {
        "claims": str(verdicts.sum()),
        "verdicts": ", ".join(f"{verdicts.get(verdict, 0)} × {verdict}" for verdict in (HOLDS, FAILS, UNDECIDED)),
        "commit": origin["commit"][:12],
        "datasets": str(len(known)),
        "seed": str(origin["seed"]),
        "runs": grouped(sum(origin["runs"].values())),
        "training": " or ".join(grouped(training) for training, _ in sorted(splits)),
        "test": " or ".join(grouped(test) for _, test in sorted(splits)),
        "machine": f"{processor(origin)}, {machine['cores']} cores, {machine.get('memory_gb', '?')} GB of memory, {system(machine)}",
        "hours": f"{costs['all'][1]:.1f}",
        "memory": f"{costs['all'][2] / 1000:.1f}",
        "software": "; ".join(distinct_versions(software)),
    }


def processor(origin: dict) -> str:
    """Of the published runs: what the machine calls its processor, and LLVM, which compiles for it."""
    parts = [origin, *origin.get("additions", ())]
    told = dict.fromkeys(part["machine"].get("processor", "a processor") for part in parts)
    names = " and ".join(name or "not told" for name in origin["processors_of_the_runs"])
    return f"{' and '.join(told)} ({names} in the words of LLVM)"


def system(machine: dict) -> str:
    """Operating system and architecture, as far as they are told."""
    return f"{machine.get('operating_system', machine['system'])} on {machine['architecture']}"


def cost_rows() -> dict[str, tuple[float, float, float]]:
    """Kind of job → number of jobs, core-hours, largest memory of one in MB, from costs.txt; `make grow` adds to that file."""
    rows: dict[str, tuple[float, float, float]] = {}
    for part in (PUBLISHED / "costs.txt").read_text(encoding="utf-8").split(COSTS)[1:]:
        for kind, *numbers in re.findall(r"^(\w+) +(\d\S*) +(\d\S*) +(\d\S*)$", part.split("\n\n")[0], re.MULTILINE):
            jobs, hours, memory = map(float, numbers)
            before = rows.pop(kind, (0.0, 0.0, 0.0))
            rows[kind] = (before[0] + jobs, before[1] + hours, max(before[2], memory))
    rows["all"] = rows.pop("all")
    return rows


def grouped(number: int) -> str:
    """7 860."""
    return f"{number:,}".replace(",", " ")


def listed_versions(software: dict[str, str]) -> str:
    """Names with versions, without the fingerprint of the code."""
    names = sorted(software.keys() - {"flatchannels"}, key=lambda name: (name != "python", name))
    return ", ".join(f"{name} {software[name]}" for name in names)


def distinct_versions(software: list[dict[str, str]]) -> list[str]:
    """Each set of versions once: runs by several states of the code have the same libraries."""
    return list(dict.fromkeys(map(listed_versions, software)))


def data_table(presets: dict) -> str:
    """How each dataset is made, and how many samples it has."""
    rows = []
    for preset, config in presets.items():
        for name, spec in config["datasets"].items():
            samples = spec["points"] ** 2 if "points" in spec else spec["samples"]
            more = ", ".join(f"{key} {value}" for key, value in spec.items() if key not in ("target", "inputs", "samples", "test_samples"))
            rows.append(
                [preset, f"`{name}`", f"{spec['target']} at {spec['inputs']} inputs", more, f"{samples}", f"{spec.get('test_samples', 0)}"]
            )
    return table(["preset", "dataset", "target", "settings", "training samples", "test samples"], rows)


def checksums(known: list[dict]) -> str:
    """The datasets of the preset `paper`, folded away."""
    rows = [
        [f"`{each['name']}`", str(each["dimension"]), str(each["training"]), str(each["test"]), f"`{each['sha256']}`"] for each in known
    ]
    told = "The checksum is the SHA-256 of names, types, shapes and values of the arrays."
    listed = table(["dataset", "d", "training samples", "test samples", "content"], rows)
    summary = f"<summary>All {len(known)} datasets of the preset <code>paper</code></summary>"
    return f"{told}\n\n<details markdown>{summary}\n\n{listed}\n</details>\n"


def hardware(origin: dict) -> str:
    """Machine, costs and software of the published runs."""
    machine = origin["machine"]
    days = " to ".join(dict.fromkeys(origin["runs_made"]))
    of_sweeps = ", ".join(f"{grouped(count)} of `{sweep}`" for sweep, count in origin["runs"].items())
    rows = [
        ["published runs", f"{grouped(sum(origin['runs'].values()))}: {of_sweeps}; made {days}"],
        ["processor", processor(origin)],
        ["cores, memory", f"{machine['cores']} cores, {machine.get('memory_gb', '?')} GB"],
        ["operating system", system(machine)],
    ]
    rows += [["software of the runs", versions] for versions in distinct_versions(origin["software_of_the_runs"])]
    rows += [["code of the runs", f"fingerprint `{each['flatchannels']}`"] for each in origin["software_of_the_runs"]]
    rows += [["software of tables and figures", listed_versions(origin["software"])]]
    commits = dict.fromkeys(part["commit"] for part in [origin, *origin.get("additions", ())])
    rows += [["code of tables and figures", f"commit `{commit}`"] for commit in commits]
    costs = [[kind, grouped(int(jobs)), f"{hours:.3g}", f"{memory:.0f}"] for kind, (jobs, hours, memory) in cost_rows().items()]
    parts = [HARDWARE, table(["what", "which"], rows), "What the jobs took:\n"]
    parts += [table(["jobs of", "jobs", "hours of processor time", "memory of one at most, MB"], costs), MORE]
    return "\n".join(parts)


def hyper_parameters(presets: dict) -> str:
    """Keys of the configuration with their values, then constants of the code."""
    described = settings.load(settings.SCHEMA)["properties"]
    rows = []
    for section in ("seed", *SECTIONS):
        for key in leaves(presets["default"][section], section):
            values = [value_at(config, key) for config in presets.values()]
            told = f"{values[0]}" if len({str(value) for value in values}) == 1 else "; ".join(f"{n} {v}" for n, v in zip(presets, values))
            rows.append([f"`{key}`", told, "configuration", description(described, key)])
    for name, value, module, meaning in constants():
        rows.append([f"`{name}`", f"`{value}`", f"`{module}`", meaning])
    return table(["name", "value", "where", "meaning"], rows)


def leaves(value: object, name: str) -> list[str]:
    """training.rtol, …"""
    if not isinstance(value, dict):
        return [name]
    return [leaf for key in value for leaf in leaves(value[key], f"{name}.{key}")]


def value_at(config: dict, key: str) -> object:
    """The value of a dotted key; "by rule" where it is not there."""
    value: object = config
    for part in key.split("."):
        if not isinstance(value, dict) or part not in value:
            return "by rule"
        value = value[part]
    return value


def description(described: dict, key: str) -> str:
    """What the schema says about a dotted key."""
    first, *rest = key.split(".")
    found = described[first]
    for part in rest:
        found = found["properties"][part]
    return found["description"]


def constants() -> list[tuple[str, str, str, str]]:
    """(name, value, module, meaning) of the numbers in capitals that results depend on."""
    package = ROOT / "workflow" / "flatchannels"
    found = []
    for room in ROOMS:
        for path in [package / room] if room.endswith(".py") else sorted((package / room).glob("*.py")):
            lines, comments = path.read_text(encoding="utf-8").splitlines(), comments_of(path)
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.Assign) and is_number(node.value):
                    for name, value in pairs_of(node.targets[0], node.value):
                        meaning = comments.get(node.lineno) or above(lines, node.lineno)
                        found.append((name, ast.unparse(value), path.relative_to(package).as_posix(), meaning))
    return found


def pairs_of(target: ast.expr, value: ast.expr) -> list[tuple[str, ast.expr]]:
    """Names in capitals with their expressions, tuples taken apart where both sides are."""
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        return [pair for one, other in zip(target.elts, value.elts) for pair in pairs_of(one, other)]
    return [(target.id, value)] if isinstance(target, ast.Name) and target.id.isupper() and not target.id.startswith("_") else []


def is_number(value: ast.expr) -> bool:
    """Whether an expression consists of numbers, operators, and calls that space or collect them."""
    parts = list(ast.walk(value))
    plain = (
        ast.Constant,
        ast.Tuple,
        ast.List,
        ast.UnaryOp,
        ast.BinOp,
        ast.operator,
        ast.unaryop,
        ast.Load,
        ast.Call,
        ast.Attribute,
        ast.Name,
    )
    texts = any(isinstance(part, ast.Constant) and not isinstance(part.value, int | float) or
                isinstance(part, ast.Constant) and isinstance(part.value, bool) for part in parts)  # fmt: skip
    numbers = any(isinstance(part, ast.Constant) for part in parts)
    names = {part.id for part in parts if isinstance(part, ast.Name)}
    return all(isinstance(part, plain) for part in parts) and numbers and not texts and names <= {"np", "KAPPA", "GAMMA", "MAX_ORDER"}


def comments_of(path: Path) -> dict[int, str]:
    """Line → the comment at its end."""
    with path.open("rb") as file:
        found = [token for token in tokenize.tokenize(file.readline) if token.type == tokenize.COMMENT]
    return {token.start[0]: token.string.lstrip("# ") for token in found if token.line[: token.start[1]].strip()}


def above(lines: list[str], number: int) -> str:
    """The comment right above a line."""
    told: list[str] = []
    for line in reversed(lines[: number - 1]):
        if not line.startswith("#"):
            break
        told.insert(0, line.lstrip("# "))
    return " ".join(told)


def sweeps(presets: dict) -> str:
    """Which networks on which data, with how many initialisations."""

    def listed(value: object) -> str:
        several = value if isinstance(value, list) else [value]
        return ", ".join("×".join(map(str, one)) if isinstance(one, list) else str(one) for one in several)

    rows = [
        [preset, sweep, *(listed(entry[key]) for key in ("dataset", "dimension", "activation", "widths", "bias", "seeds"))]
        for preset, config in presets.items()
        for sweep, given in config["sweeps"].items()
        for entry in given["entries"]
    ]
    return table(["preset", "sweep", "dataset", "d", "activation", "widths", "biases", "seeds"], rows)


if __name__ == "__main__":
    main()
