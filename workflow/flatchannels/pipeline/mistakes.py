"""Mistakes in a configuration, in words: the key, what was given, what is allowed."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any

from jsonschema import ValidationError


def keys_that_are_not_text(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """The paths to all keys inside a value that YAML took for numbers, dates or truth values.

    Parameters
    ----------
    value : JSON types
    path : tuple
        To the value.

    Yields
    ------
    tuple
    """
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                yield (*path, key)
            yield from keys_that_are_not_text(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from keys_that_are_not_text(item, (*path, index))


def parts_of_themselves(value: Any, path: tuple = (), within: tuple = ()) -> Iterator[tuple]:
    """The paths to all lists and mappings that hold themselves, which YAML's aliases can make: `a: &a [*a]`.

    Parameters
    ----------
    value : JSON types
    path : tuple
        To the value.
    within : tuple of int
        The identities of what it lies in.

    Yields
    ------
    tuple
    """
    if isinstance(value, dict | list):
        if id(value) in within:
            yield path
        else:
            for key, item in value.items() if isinstance(value, dict) else enumerate(value):
                yield from parts_of_themselves(item, (*path, key), (*within, id(value)))


def path(keys: Iterable) -> str:
    """A path of keys as text: sweeps.levels.entries[0].widths.

    Parameters
    ----------
    keys : iterable of str and int

    Returns
    -------
    str
    """
    text = "".join(f"[{key}]" if isinstance(key, int) and not isinstance(key, bool) else f".{key}" for key in keys)
    return text.removeprefix(".") or "the configuration"


def printable(text: str) -> str:
    """A text on one line, whatever a user's key holds.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
    """
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in text)


def shown(value: Any) -> str:
    """A value as the user would write it, but not at any length.

    Parameters
    ----------
    value : object

    Returns
    -------
    str
    """
    if value is None:
        return "empty"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."


def known(name: str, names: Iterable[str]) -> str:
    """What to say of a name that is not among those allowed: '; did you mean widths? it can be …'.

    Parameters
    ----------
    name : str
    names : iterable of str

    Returns
    -------
    str
    """
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


def explain(error: ValidationError) -> Iterator[str]:
    """The lines for one violation of the schema.

    Parameters
    ----------
    error : jsonschema.ValidationError

    Yields
    ------
    str
    """
    where, value, schema = path(error.absolute_path), error.instance, error.schema
    match error.validator:
        case "anyOf":  # a value, or a list of such values
            branch = 1 if isinstance(value, list) else 0
            for cause in error.context:
                if cause.schema_path[0] == branch:
                    for line in explain(cause):
                        yield line + (", or a list of such" if branch == 0 else "")
        case "additionalProperties":
            for key in value:
                if key not in schema["properties"]:
                    yield f"{path([*error.absolute_path, key])} is not a known key{known(key, list(schema['properties']))}"
        case "required":
            for key in schema["required"]:
                if key not in value:
                    yield f"{where} lacks the key {key}"
        case "enum" if error.parent is None and "propertyNames" in error.schema_path:
            yield f"{path([*error.absolute_path, value])} has an unknown name{known(value, schema['enum'])}"
        case "pattern":
            yield f"{path([*error.absolute_path, value])} must have a name of at most 60 small letters, digits, points and hyphens"
        case "enum":
            if isinstance(value, str):
                yield f"{where} is {shown(value)}{known(value, schema['enum'])}"
            else:
                yield f"{where} is {shown(value)}; it must be {_allowed(schema)}"
        case "minItems" | "minProperties":
            yield f"{where} is empty; it must have at least one item"
        case "maxItems":
            yield f"{where} has {len(value)} items; it can have at most {schema['maxItems']}"
        case "uniqueItems":
            yield f"{where} is {shown(value)}; nothing may be listed twice"
        case _:
            no_point = schema.get("type") == "number" and isinstance(value, str) and re.fullmatch(r"[+-]?\d+[eE][+-]?\d+", value)
            hint = "; YAML takes it for a text without a point: 1.0e-5, not 1e-5" if no_point else ""
            yield f"{where} is {shown(value)}; it must be {_allowed(schema)}{hint}"
