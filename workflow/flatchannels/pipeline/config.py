"""From a configuration to the list of runs that it asks for.

What a configuration may hold stands in workflow/schemas/config.schema.yaml. Here it is checked, with one line for every
mistake, its defaults are filled in, and its sweeps are expanded. The Snakefile imports this module each time that it is
parsed, hence nothing heavier than jsonschema is imported here.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from itertools import product
from os import PathLike
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, ValidationError, validators

from flatchannels import names
from flatchannels.pipeline import places

SCHEMA = places.home() / "workflow" / "schemas" / "config.schema.yaml"
RESULTS = "results"  # of the default preset, from where the pipeline runs; those of other presets lie below it
# Folders in RESULTS: a preset of such a name would be among them.
TAKEN = {"benchmarks", "cache", "compiled.txt", "datasets", "figures", "logs", "routes", "runs", "saddles", "scorecard.txt", "statistics",
         "toy"}  # fmt: skip
DRAWN = ("normal", "uniform", "sphere")
OWN = "my_targets.py:function"  # stands for every target of that form
# Key of a dataset → the values of inputs or target with which it goes, and whether they need it.
BELONGS: dict[str, tuple[dict[str, tuple[str, ...]], bool]] = {
    "points": ({"inputs": ("grid",)}, True),
    "samples": ({"inputs": DRAWN}, True),
    "test_samples": ({"inputs": DRAWN, "target": ("file",)}, False),
    "covariance": ({"inputs": ("normal",)}, False),
    "scale": ({"target": ("gaussian-process",)}, True),
    "redraw": ({"target": ("gaussian-process",)}, False),
    "standardise": ({"target": ("gaussian-process", "teacher", "sinusoids", "file", OWN)}, False),
    "widths": ({"target": ("teacher",)}, True),
    "activation": ({"target": ("teacher",)}, True),
    "bias": ({"target": ("teacher",)}, False),
    "weight_scale": ({"target": ("teacher",)}, False),
    "terms": ({"target": ("sinusoids",)}, True),
    "frequency": ({"target": ("sinusoids",)}, True),
    "file": ({"target": ("file",)}, True),
    "target_column": ({"target": ("file",)}, False),
    "inputs": ({"target": ("rosenbrock", "gaussian-process", "teacher", "sinusoids", OWN)}, True),
}
LEAST_DIMENSION = {"rosenbrock": 2}  # target → of the inputs that it takes; 1 for others


MOST_JOBS = 200_000  # snakemake needs minutes and gigabytes to plan more


class ConfigError(ValueError):
    """A configuration that cannot be used; the text has one line for every mistake."""


# ------------------------------------------------------------------------------------------------------------- reading


class _Loader(yaml.SafeLoader):
    """YAML in which a key may stand only once in a mapping."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key.value} stands twice", key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def load(path: str | PathLike[str]) -> dict:
    """The mapping in a YAML file.

    Raises
    ------
    ConfigError: the file cannot be read, is not YAML, has a key twice, or is not a mapping.
    """
    try:
        content = yaml.load(Path(path).read_text(encoding="utf-8"), Loader=_Loader)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not a text file in UTF-8") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigError(f"{path}{place}: {error.problem}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: {' '.join(str(error).split())}") from None
    except Exception as error:  # what PyYAML stumbles over: !!int without a number, thousands of digits or brackets
        raise ConfigError(f"{path} is not YAML that can be read: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{path} must hold keys and values, such as seed: 14951")
    return content


def typed(value: Any) -> Any:
    """What the command line gave, with numbers and truth values inside mappings and lists, where snakemake has texts."""
    if isinstance(value, dict):
        return {key: typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [typed(item) for item in value]
    try:
        return yaml.safe_load(value) if isinstance(value, str) else value
    except yaml.YAMLError:
        return value


# ------------------------------------------------------------------------------------------------------------ checking


def _is_integer(_: Any, value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(_: Any, value: Any) -> bool:
    return _is_integer(_, value) or isinstance(value, float) and math.isfinite(value)


# JSON schema takes 1.0 for an integer, and NaN for a number that violates no bound.
_Validator = validators.extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many({"integer": _is_integer, "number": _is_number}),
)


def validate(config: dict, source: str = "config/config.yaml") -> dict:
    """The configuration with its defaults filled in.

    Parameters
    ----------
    config : what the YAML files and the command line gave; not changed.
    source : where the user can change it, for the messages.

    Raises
    ------
    ConfigError: with a line for every mistake: the key, what was given, what is allowed, where to change it.
    """
    schema, given = _schema(), config
    mistakes = [f"{_path(path)} is a key of the wrong type; put it in quotes" for path in _keys_that_are_not_text(config)]
    if not mistakes:
        mistakes = [line for error in _Validator(schema).iter_errors(config) for line in _explain(error)]
    if not mistakes:
        config = _fill_in(copy.deepcopy(config), schema, schema["$defs"])
        config.setdefault("results_dir", RESULTS if config["preset"] == "default" else f"{RESULTS}/{config['preset']}")
        mistakes = list(_inconsistencies(config, "results_dir" in given))
    if mistakes:
        raise ConfigError("\n".join(f"{_printable(line)} ({source})" for line in dict.fromkeys(mistakes)))
    return config


@cache
def _schema() -> dict:
    return yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))


def origin(config: dict) -> dict:
    """The parts of a validated configuration that a record, a dataset or a product of the toy depends on: `origins.check_origin`."""
    return {key: config[key] for key in ("seed", "datasets", "training", "toy")}


def _keys_that_are_not_text(value: Any, path: tuple = ()) -> Iterator[tuple]:
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                yield (*path, key)
            yield from _keys_that_are_not_text(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _keys_that_are_not_text(item, (*path, index))


def _path(keys: Iterable) -> str:
    """sweeps.levels.entries[0].widths"""
    text = "".join(f"[{key}]" if isinstance(key, int) and not isinstance(key, bool) else f".{key}" for key in keys)
    return text.removeprefix(".") or "the configuration"


def _printable(text: str) -> str:
    """A text on one line, whatever a user's key holds."""
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in text)


def _shown(value: Any) -> str:
    """A value as the user would write it, but not at any length."""
    if value is None:
        return "empty"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _known(name: str, names: Iterable[str]) -> str:
    """'; did you mean widths? (…)' for a name that is not among those allowed."""
    close = get_close_matches(str(name), names, n=1)
    return (f"; did you mean {close[0]}?" if close else ";") + f" it can be {', '.join(names)}"


def _allowed(schema: dict) -> str:
    """What a value may be, in words."""
    if "enum" in schema:
        return f"one of {', '.join(schema['enum'])}" if len(schema["enum"]) > 1 else schema["enum"][0]
    kind = schema["type"]
    if kind not in ("integer", "number"):
        words = {"boolean": "true or false", "string": "a text", "array": "a list", "object": "a mapping of keys to values"}[kind]
        return words + (f", such as {json.dumps(schema['examples'][0])}" if "examples" in schema else "")
    if schema.get("minimum") == 1 or schema.get("exclusiveMinimum") == 0:
        words = f"a positive {kind}"
    elif schema.get("minimum") == 0:
        words = f"{'an integer' if kind == 'integer' else 'a number'} that is not negative"
    else:
        words = f"{'an integer' if kind == 'integer' else 'a number'} of at least {schema['minimum']}"
    return words + (f", at most {schema['maximum']}" if "maximum" in schema else "")


def _explain(error: ValidationError) -> Iterator[str]:
    """The lines for one violation of the schema."""
    where, value, schema = _path(error.absolute_path), error.instance, error.schema
    match error.validator:
        case "anyOf":  # a value, or a list of such values
            branch = 1 if isinstance(value, list) else 0
            for cause in error.context:
                if cause.schema_path[0] == branch:
                    for line in _explain(cause):
                        yield line + (", or a list of such" if branch == 0 else "")
        case "additionalProperties":
            for key in value:
                if key not in schema["properties"]:
                    yield f"{_path([*error.absolute_path, key])} is not a known key{_known(key, list(schema['properties']))}"
        case "required":
            for key in schema["required"]:
                if key not in value:
                    yield f"{where} lacks the key {key}"
        case "enum" if error.parent is None and "propertyNames" in error.schema_path:
            yield f"{_path([*error.absolute_path, value])} has an unknown name{_known(value, schema['enum'])}"
        case "pattern":
            yield f"{_path([*error.absolute_path, value])} must have a name of at most 60 small letters, digits, points and hyphens"
        case "enum":
            if isinstance(value, str):
                yield f"{where} is {_shown(value)}{_known(value, schema['enum'])}"
            else:
                yield f"{where} is {_shown(value)}; it must be {_allowed(schema)}"
        case "minItems" | "minProperties":
            yield f"{where} is empty; it must have at least one item"
        case "maxItems":
            yield f"{where} has {len(value)} items; it can have at most {schema['maxItems']}"
        case "uniqueItems":
            yield f"{where} is {_shown(value)}; nothing may be listed twice"
        case _:
            no_point = schema.get("type") == "number" and isinstance(value, str) and re.fullmatch(r"[+-]?\d+[eE][+-]?\d+", value)
            hint = "; YAML takes it for a text without a point: 1.0e-5, not 1e-5" if no_point else ""
            yield f"{where} is {_shown(value)}; it must be {_allowed(schema)}{hint}"


def _fill_in(value: Any, schema: dict, definitions: dict) -> Any:
    """Adds the schema's defaults to the mappings in value, in place, and brings keys into its order: another reruns nothing."""
    schema = definitions[schema["$ref"].split("/")[-1]] if "$ref" in schema else schema
    if isinstance(value, dict):
        for key, rule in schema.get("properties", {}).items():
            if "default" in rule:
                value.setdefault(key, copy.deepcopy(rule["default"]))
        for key in [key for key in schema.get("properties", {}) if key in value]:
            value[key] = value.pop(key)
        for key, item in value.items():
            rule = schema.get("properties", {}).get(key, schema.get("additionalProperties"))
            value[key] = _fill_in(item, rule, definitions)
    elif isinstance(value, list) and "items" in schema:
        value[:] = [_fill_in(item, schema["items"], definitions) for item in value]
    return value


def _wrong_place(config: dict, is_given: bool) -> Iterator[str]:
    """A folder of results that cannot be one: from `results_dir`, or without it from the preset's name."""
    words = "small and capital letters, digits, points, hyphens and underscores"
    place = config["results_dir"]
    if is_given and not (re.fullmatch(r"/?[\w.-]+(/[\w.-]+)*", place, re.ASCII) and os.path.normpath(place) == place):
        yield f"results_dir is {_shown(place)}; it must be a path of {words}, such as results/mine"
    if not is_given and not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,59}", config["preset"]):
        yield f"preset is {_shown(config['preset'])}; a folder has its name, of at most 60 {words}. Or name another folder: results_dir"
    elif not is_given and config["preset"] in TAKEN:
        yield f"preset is {_shown(config['preset'])}, which other results have for a name; choose another, or name a folder: results_dir"


def _inconsistencies(config: dict, place_is_given: bool) -> Iterator[str]:
    """Mistakes that a schema cannot see, because they lie between several keys."""
    yield from _wrong_place(config, place_is_given)
    for name, spec in config["datasets"].items():
        yield from _wrong_keys(f"datasets.{name}", spec)
    taken: dict[str, str] = {}
    jobs = 0
    for sweep, settings in config["sweeps"].items():
        seen: dict[str, int] = {}
        for index, entry in enumerate(settings["entries"]):
            where, name = f"sweeps.{sweep}.entries[{index}]", entry["dataset"]
            if name not in config["datasets"]:
                yield f"{where}.dataset is {_shown(name)}, which is not in datasets{_known(name, list(config['datasets']))}"
                continue
            for dimension in _listed(entry["dimension"]):
                spec = config["datasets"][name]
                if spec.get("inputs") == "grid" and dimension != 2:
                    yield f"{where}.dimension is {dimension}; {name} has inputs grid, which are of dimension 2 only"
                elif dimension < LEAST_DIMENSION.get(spec["target"], 1):
                    yield f"{where}.dimension is {dimension}; the target {spec['target']} needs at least {LEAST_DIMENSION[spec['target']]}"
            jobs_of_network = -(-entry["seeds"] // _block_size(config, sweep, entry))
            for block in _blocks(config, sweep, entry | {"seeds": 1}):
                jobs += jobs_of_network
                data = block.dataset
                if taken.setdefault(data, name) != name:
                    yield f"datasets.{name} in dimension {block.dimension} has the same file name, {data}.npz, as datasets.{taken[data]}"
                if seen.setdefault(block.folder, index) != index:
                    yield f"{where} asks again for runs of entries[{seen[block.folder]}]: {block.folder}"
    if jobs > MOST_JOBS:
        yield f"sweeps asks for {jobs} jobs, more than {MOST_JOBS}; set seeds_per_job higher, or seeds lower"


def _wrong_keys(where: str, spec: dict) -> Iterator[str]:
    """Mistakes in the keys of a dataset: an unknown target, keys that are missing, keys that belong to others."""
    targets = _schema()["$defs"]["dataset"]["properties"]["target"]["x-names"]
    own = re.fullmatch(r".+\.py:[A-Za-z_]\w*", spec["target"]) is not None
    if not own and spec["target"] not in targets:
        yield f"{where}.target is {_shown(spec['target'])}{_known(spec['target'], [*targets, OWN])}"
        return
    given = {"target": OWN if own else spec["target"], "inputs": spec.get("inputs")}
    lacks_inputs = "inputs" not in spec and given["target"] in BELONGS["inputs"][0]["target"]  # which is said once
    for key, (homes, required) in BELONGS.items():
        home = next((rule for rule, values in homes.items() if given[rule] in values), None)
        if home and required and key not in spec:
            yield f"{where} lacks the key {key}, which {home} {given[home]} needs"
        if not home and key in spec and not ("inputs" in homes and lacks_inputs):
            goes = " or ".join(f"{rule} {', '.join(values)}" for rule, values in homes.items())
            yield f"{where}.{key} is {_shown(spec[key])}; that key goes with {goes}, not with {given[next(iter(homes))] or given['target']}"


def files_of(spec: dict) -> list[str]:
    """The user's files that a dataset is made from."""
    return [spec["file"]] if spec["target"] == "file" else [spec["target"].rsplit(":", 1)[0]] if ".py:" in spec["target"] else []


# ----------------------------------------------------------------------------------------------------------- expanding


@dataclass(frozen=True)
class Block:
    """Runs of consecutive seeds of one network on one dataset: what one job does and one record file holds."""

    sweep: str
    dataset: str  # product name, e.g. rosenbrock-d4
    dimension: int
    activation: str
    widths: tuple[int, ...]
    bias: bool
    first: int  # first and last seed
    last: int

    @property
    def network(self) -> str:
        """r4x4-nobias"""
        return names.network_name(self.widths, self.bias)

    @property
    def folder(self) -> str:
        """levels/rosenbrock-grid/g/r4-nobias"""
        return f"{self.sweep}/{self.dataset}/{self.activation}/{self.network}"

    @property
    def record(self) -> str:
        """The record file, below the folder of results."""
        return names.RECORD.format(network=self.network, **vars(self))

    @property
    def runs(self) -> int:
        return self.last - self.first + 1


def dataset_product(config: dict, name: str, dimension: int, widths: Sequence[int], activation: str, seed: int) -> str:
    """The name of a dataset's file: a grid's own name, for others the dimension with it, e.g. rosenbrock-d4.

    A Gaussian process is drawn anew for every network, gp-s0.5-d4-r8-softplus, and with `redraw: run` for every seed.
    """
    spec = config["datasets"][name]
    if names.has_own_name(spec):
        return name
    network = (widths, activation) if spec["target"] == "gaussian-process" else None
    return names.dataset_name(name, dimension, network, seed if _per_run(spec) else None)


def _per_run(spec: dict) -> bool:
    return spec.get("redraw") == "run"


def datasets(config: dict) -> dict[str, dict]:
    """File name → {name: the same, dimension, spec} of each dataset that some sweep uses."""
    used = {}
    for sweep, settings in config["sweeps"].items():
        for entry in settings["entries"]:
            for block in _blocks(config, sweep, entry):
                used[block.dataset] = {"name": block.dataset, "dimension": block.dimension, "spec": config["datasets"][entry["dataset"]]}
    return used


def blocks(config: dict) -> list[Block]:
    """All blocks of runs of a validated configuration, sweep by sweep, in the order of its entries."""
    return [
        block for sweep, settings in config["sweeps"].items() for entry in settings["entries"] for block in _blocks(config, sweep, entry)
    ]


def _blocks(config: dict, sweep: str, entry: dict) -> Iterator[Block]:
    size = _block_size(config, sweep, entry)
    grid = product(_listed(entry["dimension"]), _listed(entry["activation"]), entry["widths"], _listed(entry["bias"]))
    for dimension, activation, widths, bias in grid:
        for first in range(1, entry["seeds"] + 1, size):
            data = dataset_product(config, entry["dataset"], dimension, widths, activation, first)
            yield Block(sweep, data, dimension, activation, tuple(widths), bias, first, min(first + size - 1, entry["seeds"]))


def _block_size(config: dict, sweep: str, entry: dict) -> int:
    """How many seeds a block has; one with a draw per run, because a record holds the runs of one dataset."""
    return 1 if _per_run(config["datasets"][entry["dataset"]]) else config["sweeps"][sweep]["seeds_per_job"]


def _listed(value: Any) -> list:
    return value if isinstance(value, list) else [value]


def main() -> None:
    """Check configurations, and say what they ask for; a mistake ends in its lines and exit code 1."""
    parser = argparse.ArgumentParser(prog="python -m flatchannels.pipeline.config", description=(main.__doc__ or "").splitlines()[0])
    parser.add_argument("files", nargs="+", metavar="FILE", help="such as config/config.yaml; config/README.md explains every key")
    for file in parser.parse_args().files:
        try:
            config = validate(load(file), file)
        except ConfigError as error:
            sys.exit(str(error))
        asked = blocks(config)
        draws = sum(job["spec"]["target"] == "gaussian-process" for job in datasets(config).values())
        print(f"{file}: {sum(block.runs for block in asked)} runs in {len(asked)} jobs" + f", {draws} Gaussian processes" * (draws > 0))


if __name__ == "__main__":
    main()
