"""The reproducibility card, docs/card.md, from the code, the presets, and what records say.

    python docs/card/make.py                          the page anew
    python docs/card/make.py --records results        first take hardware, versions and datasets from these results, into records.json

Source of the eight variables: Gundersen & Kjensmo, "State of the Art: Reproducibility in Artificial Intelligence", AAAI 2018.
"""

import argparse
import ast
import json
import sys
import tokenize
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "workflow"))

from flatchannels.pipeline import config as settings  # noqa: E402
from flatchannels.storage.archives import read_meta  # noqa: E402
from flatchannels.storage.dataset_files import read_dataset_arrays  # noqa: E402
from flatchannels.storage.schemas.document import table  # noqa: E402

PAGE, CARD = ROOT / "docs" / "card.md", ROOT / "docs" / "card"
RECORDS = CARD / "records.json"
PRESETS = {"default": "config.yaml", "paper": "paper.yaml", "smoke": "smoke.yaml"}
ROOMS = ("precision.py", "data", "dynamics", "landscape", "infinity", "studies")  # whose constants a result depends on
SECTIONS = ("training", "saddles", "toy")  # of a configuration, besides datasets and sweeps


def main() -> None:
    """As the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=Path, metavar="RESULTS", help="a folder of results")
    given = parser.parse_args()
    if given.records:
        RECORDS.write_text(json.dumps(collected(given.records), indent=1, sort_keys=True) + "\n", encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")


def collected(results: Path) -> dict:
    """What the records and datasets of some results say about themselves."""
    cpus, versions, code, runs = Counter(), Counter(), Counter(), 0
    for path in sorted(results.glob("runs/**/*.npz")):
        meta = read_meta(path)
        count = meta["last_seed"] - meta["first_seed"] + 1
        runs += count
        cpus[meta["cpu"]] += count
        code[meta["versions"]["flatchannels"]] += count
        versions[json.dumps({key: value for key, value in meta["versions"].items() if key != "flatchannels"}, sort_keys=True)] += count
    datasets = []
    for path in sorted(results.glob("datasets/*.npz")):
        arrays, meta = read_dataset_arrays(path)
        datasets.append({"name": meta["name"], "target": meta["spec"]["target"], "dimension": arrays["x"].shape[1],
                         "training": len(arrays["x"]), "test": len(arrays.get("x_test", ())), "sha256": meta["sha256"]})  # fmt: skip
    told = [{**json.loads(text), "runs": count} for text, count in sorted(versions.items())]
    return {"runs": runs, "cpus": dict(cpus), "code": dict(code), "versions": told, "datasets": datasets}


def page() -> str:
    """The text of docs/card.md."""
    known = json.loads(RECORDS.read_text(encoding="utf-8"))
    presets = {name: settings.validate(settings.load(ROOT / "config" / file), file) for name, file in PRESETS.items()}
    parts = [(CARD / f"{name}.md").read_text(encoding="utf-8") for name in ("head", "pseudocode", "data")]
    parts += [data_table(presets)]
    parts += [f"Of the {known['runs']} runs of the records below, with the SHA-256 of names, types, shapes and values:\n", checksums(known)]
    parts += ["## Hardware and software\n", hardware(known), "## Hyper-parameters\n", hyper_parameters(presets)]
    parts += ["### Sweeps\n", sweeps(presets)]
    return "\n".join(parts)


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


def checksums(known: dict) -> str:
    """The datasets that were made."""
    rows = [
        [f"`{each['name']}`", str(each["dimension"]), str(each["training"]), str(each["test"]), f"`{each['sha256']}`"]
        for each in known["datasets"]
    ]
    return table(["dataset", "d", "training samples", "test samples", "content"], rows)


def hardware(known: dict) -> str:
    """Processors and versions of the records."""
    rows = [["processor", cpu or "not told", str(count)] for cpu, count in sorted(known["cpus"].items())]
    for each in known["versions"]:
        rows.append(["software", ", ".join(f"{key} {value}" for key, value in sorted(each.items()) if key != "runs"), str(each["runs"])])
    rows += [["code", f"fingerprint `{code}`", str(count)] for code, count in sorted(known["code"].items())]
    told = "One thread per run, float64 throughout. Processors are named as LLVM names them, since kernels are compiled for them.\n"
    return f"{told}\n{table(['what', 'which', 'runs'], rows)}"


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
