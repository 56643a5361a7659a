"""Reading and checking a configuration.

What a configuration may hold stands in workflow/schemas/config.schema.yaml. Here it is checked, with one line for every
mistake, and its defaults are filled in. `expansion` makes the list of runs from it. The Snakefile imports this module each
time that it is parsed, hence nothing heavier than jsonschema is imported here.
"""

from __future__ import annotations

import argparse
import copy
import math
import sys
from functools import cache
from os import PathLike
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, validators

from flatchannels.pipeline import expansion, mistakes, places
from flatchannels.pipeline.consistency import inconsistencies

SCHEMA = places.home() / "workflow" / "schemas" / "config.schema.yaml"
RESULTS = "results"  # of the default preset, from where the pipeline runs; those of other presets lie below it


class ConfigError(ValueError):
    """A configuration that cannot be used; the text has one line for every mistake."""


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

    Parameters
    ----------
    path : path
        Of the file.

    Returns
    -------
    dict

    Raises
    ------
    ConfigError
        The file cannot be read, is not YAML, has a key twice, or is not a mapping.
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
    """What the command line gave, with numbers and truth values inside mappings and lists, where snakemake has texts.

    Parameters
    ----------
    value : JSON types

    Returns
    -------
    JSON types
    """
    if isinstance(value, dict):
        return {key: typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [typed(item) for item in value]
    try:
        return yaml.safe_load(value) if isinstance(value, str) else value
    except yaml.YAMLError:
        return value


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
    config : dict
        What the YAML files and the command line gave; not changed.
    source : str
        Where the user can change it, for the messages.

    Returns
    -------
    dict

    Raises
    ------
    ConfigError
        There is a mistake. For each there is a line: the key, what was given, what is allowed, where to change it.
    """
    schema, given = _schema(), config
    lines = [f"{mistakes.path(path)} is an alias of what it lies in; write it out" for path in mistakes.parts_of_themselves(config)]
    if not lines:
        keys = mistakes.keys_that_are_not_text(config)
        lines = [f"{mistakes.path(path)} is a key of the wrong type; put it in quotes" for path in keys]
    if not lines:
        lines = [line for error in _Validator(schema).iter_errors(config) for line in mistakes.explain(error)]
    if not lines:
        config = _fill_in(copy.deepcopy(config), schema, schema["$defs"])
        config.setdefault("results_dir", RESULTS if config["preset"] == "default" else f"{RESULTS}/{config['preset']}")
        lines = list(inconsistencies(config, schema["$defs"]["dataset"]["properties"]["target"]["x-names"], "results_dir" in given))
    if lines:
        raise ConfigError("\n".join(f"{mistakes.printable(line)} ({source})" for line in dict.fromkeys(lines)))
    return config


@cache
def _schema() -> dict:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # compiled, where PyYAML was: ten times as fast
    return yaml.load(SCHEMA.read_text(encoding="utf-8"), Loader=loader)


def origin(config: dict) -> dict:
    """The parts of a configuration that a record, a dataset or a product of the toy depends on: see `origins.check_origin`.

    Parameters
    ----------
    config : dict
        A validated configuration.

    Returns
    -------
    dict
    """
    return {key: config[key] for key in ("seed", "datasets", "training", "toy")}


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


def files_that_are_missing(config: dict) -> list[str]:
    """What to say about files of the user that datasets are made from, and that are not there.

    Parameters
    ----------
    config : dict
        A validated configuration.

    Returns
    -------
    list of str
        A line for each.
    """
    return [
        f"datasets.{name}.{'file' if 'file' in spec else 'target'} needs the file {mistakes.shown(path)}; there is none in {Path.cwd()}"
        for name, spec in config["datasets"].items()
        for path in expansion.files_of(spec)
        if not Path(path).is_file()
    ]


def main() -> None:
    """Check configurations, and say what they ask for; a mistake ends in its lines and exit code 1."""
    parser = argparse.ArgumentParser(prog="python -m flatchannels.pipeline.config", description=(main.__doc__ or "").splitlines()[0])
    parser.add_argument("files", nargs="+", metavar="FILE", help="such as config/config.yaml; config/README.md explains every key")
    for file in parser.parse_args().files:
        try:
            config = validate(load(file), file)
        except ConfigError as error:
            sys.exit(str(error))
        if missing := files_that_are_missing(config):  # not a mistake of the configuration: another workflow may make them
            sys.exit("\n".join(f"{line} ({file})" for line in missing))
        asked = expansion.blocks(config)
        draws = sum(job["spec"]["target"] == "gaussian-process" for job in expansion.datasets(config).values())
        print(f"{file}: {sum(block.runs for block in asked)} runs in {len(asked)} jobs" + f", {draws} Gaussian processes" * (draws > 0))


if __name__ == "__main__":
    main()
