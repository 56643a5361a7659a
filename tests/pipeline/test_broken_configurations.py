"""Configurations that are broken in any way: a clear line each, an exit code, no traceback, and nothing starts.

Most are tried on what the Snakefile calls; some on snakemake as a whole, in processes that have imported it already.
"""

import contextlib
import json
import math
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import yaml
from checkouts import forked
from hypothesis import Phase, assume, event, given, settings
from hypothesis import strategies as st
from snakemake.utils import update_config
from test_config import places

from flatchannels.pipeline import config, expansion

ROOT = Path(__file__).parents[2]
PRESETS = [config.load(path) for path in [*sorted((ROOT / "config").glob("*.yaml")), ROOT / "tests" / "tiny.yaml"]]
WHOLE = max(1, settings.default.max_examples // 20)  # how many are tried on snakemake as a whole
ROUTINE = ("Using workflow specific profile", "WorkflowError:", "Config file config/config.yaml is extended")

scalars = st.one_of(
    st.sampled_from([None, True, False, 0, -1, 1, 2, 1.5, -0.0, 1e308, -1e308, math.nan, math.inf, -math.inf, 2**63, 10**30, 10**4299,
                     "", "1e-5", "1.0", "true", "null", "\n", "\x00", "../..", "a/b", "é", "𝕏", "r4", "g", "rosenbrock", "normal", "grid"]),
    st.integers(), st.floats(), st.text(max_size=8),
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda item: st.lists(item, max_size=3) | st.dictionaries(st.text(max_size=5) | st.integers() | st.none(), item, max_size=3),
    max_leaves=5,
)


@st.composite
def mutations(draw):
    """A preset, changed in up to three places: replaced, removed, added, renamed, doubled, wrapped, unwrapped, exchanged."""
    content = json.loads(json.dumps(draw(st.sampled_from(PRESETS))))
    for _ in range(draw(st.integers(1, 3))):
        paths = [path for path in places(content) if path]
        if not isinstance(content, dict | list) or not paths:
            break
        *parents, last = draw(st.sampled_from(paths))
        place = content
        for key in parents:
            place = place[key]
        kind = draw(st.sampled_from(["replace", "remove", "add", "rename", "double", "wrap", "unwrap", "exchange", "top"]))
        if kind == "replace":
            place[last] = draw(values)
        elif kind == "remove":
            del place[last]
        elif kind == "wrap":
            place[last] = draw(st.sampled_from([[place[last]], {"a": place[last]}, [[place[last]]]]))
        elif kind == "unwrap" and place[last] and isinstance(place[last], dict | list):
            place[last] = next(iter(place[last].values() if isinstance(place[last], dict) else place[last]))
        elif kind == "exchange":
            other = draw(st.sampled_from(paths))
            with contextlib.suppress(KeyError, IndexError, TypeError):
                target = content
                for key in other[:-1]:
                    target = target[key]
                place[last] = json.loads(json.dumps(target[other[-1]]))
        elif kind == "top" and draw(st.integers(0, 9)) == 0:
            content = draw(values)
        elif isinstance(place, list):
            place.append(draw(values) if kind == "add" else place[last])
        elif kind == "rename":
            place[draw(st.text(max_size=6) | st.just(f"{last}x") | st.integers())] = place.pop(last)
        else:
            place[draw(st.text(max_size=6))] = draw(values)
    return content


@st.composite
def files(draw):
    """Bytes of a file with such a configuration, sometimes with a part of it lost, doubled or overwritten."""
    text = yaml.safe_dump(draw(mutations()), allow_unicode=True, sort_keys=False).encode("utf-8", "surrogatepass")
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        begin = draw(st.integers(0, len(text)))
        end = min(len(text), begin + draw(st.integers(0, 30)))
        middle = draw(st.binary(max_size=4) | st.sampled_from([b"\t", b"\r", b"{", b"- ", b": ", b"&a ", b"*a", b"!!int ", b"\xef"]))
        text = text[:begin] + draw(st.sampled_from([middle, text[begin:end] * 2 + middle])) + text[end:]
    return text


def asked(path, command_line):
    """What the Snakefile does with a configuration before it plans anything."""
    content = config.load(path)
    update_config(content, config.typed(command_line))
    checked = config.validate(content, str(path))
    return checked, expansion.blocks(checked), expansion.datasets(checked)


@given(files(), st.dictionaries(st.sampled_from(["seed", "training", "sweeps", "toy", "sead"]), values, max_size=1))
def test_a_broken_file_is_valid_or_gets_clear_lines(content, command_line):
    with tempfile.NamedTemporaryFile(suffix=".yaml") as file:
        Path(file.name).write_bytes(content)
        try:
            checked, blocks, datasets = asked(file.name, command_line)
        except config.ConfigError as error:
            event("a mistake")
            lines = str(error).split("\n")
            assert lines and all(file.name in line and line.isprintable() and len(line) < 700 for line in lines), lines
        else:
            event("valid")
            assert blocks and json.loads(json.dumps([checked, datasets], allow_nan=False))
            for part in {part for block in blocks for part in Path(block.record).parts} | set(datasets):
                assert part.isprintable() and part not in ("", ".", "..") and len(part.encode()) < 250, part


def snakemake(arguments):
    """Exit code and words of snakemake in a directory with nothing in it; what it left there."""
    with tempfile.TemporaryDirectory() as directory:
        code, said = forked(directory, "--snakefile", ROOT / "Snakefile", "--cores", "1", *arguments)
        return code, said, sorted(path.name for path in Path(directory).iterdir() if path.name != ".snakemake")


@settings(max_examples=WHOLE, phases=[Phase.generate])  # each takes a second: no time to look for a smaller one
@given(files())
def test_snakemake_says_so_exits_and_starts_nothing(content):
    with tempfile.NamedTemporaryFile(suffix=".yaml") as file:
        Path(file.name).write_bytes(content)
        with contextlib.suppress(config.ConfigError):
            asked(file.name, {})
            assume(False)
        with contextlib.suppress(yaml.YAMLError):
            try:
                yaml.safe_load(content.decode())
            except (ValueError, IndexError, RecursionError):
                assume(False)  # snakemake reads the file itself, and ends with the traceback of what PyYAML stumbles over
        check(["--configfile", file.name])


@pytest.mark.parametrize(
    "arguments",
    [["seed=-1"], ["training=7"], ["training={rtol: [}"], ["sweeps={levels: 0}"], ["seed=1", "sead=2"], ["seed=nan"], ["toy={batch: 1.5}"]],
    ids=" ".join,
)
def test_so_it_does_with_broken_command_lines(arguments):
    check(["--config", *arguments])


@pytest.mark.parametrize("name", ["none.yaml", ".", "latin.yaml", "locked.yaml"])
def test_a_file_that_cannot_be_read_ends_make_in_one_line(tmp_path, name):
    """(Snakemake itself reads it before the Snakefile, and says why in the last line of a traceback.)"""
    (tmp_path / "latin.yaml").write_bytes(b"preset: \xe9\n")
    (tmp_path / "locked.yaml").symlink_to("/proc/self/mem")
    command = [sys.executable, "-m", "flatchannels.pipeline.config", name]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow")}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and done.stdout == "" and done.stderr.count("\n") == 1 and name in done.stderr


def check(arguments):
    code, said, left = snakemake(arguments)
    lines = [line for line in said.splitlines() if line.strip() and not line.startswith(ROUTINE)]
    assert code not in (0, 99) and left == [], said
    assert not re.search(r"Traceback|^\w*(Error|Exception):", said.replace("WorkflowError:", ""), re.MULTILINE), said
    assert 1 <= len(lines) < 40, said
