"""The conda environments, the lock and the package metadata name the same versions; the docs list all assumptions."""

import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest
import yaml

import flatchannels

ROOT = Path(__file__).parents[2]
CONDA_NAMES = {"matplotlib-base": "matplotlib", "snakemake-minimal": "snakemake", "pytorch": "torch"}  # conda → pip
LOCK = dict(re.findall(r"^([a-z0-9-]+)==(\S+) \\$", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.mark.parametrize("path", sorted((ROOT / "envs").glob("*.yaml")), ids=lambda path: path.stem)
def test_conda_environment_has_the_versions_of_the_lock(path):
    pins = dict(pin.split("=") for pin in yaml.safe_load(path.read_text())["dependencies"])
    assert tuple(map(int, pins.pop("python").split("."))) >= (3, 11)
    versions = {CONDA_NAMES.get(name, name): version for name, version in pins.items()}
    elsewhere = {"torch", "gpytorch"}  # large, and of use to one rule: not in the lock
    assert {name: version for name, version in versions.items() if name not in elsewhere}.items() <= LOCK.items()


def test_lock_meets_the_requirements_of_the_package():
    for requirement in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]:
        name, least = re.match(r"([a-z-]+)>=([\d.]+)", requirement).groups()
        locked = [int(part) for part in LOCK[name].split(".")]
        assert locked >= [int(part) for part in least.split(".")], requirement


def test_lock_has_a_hash_for_every_requirement():
    blocks = re.split(r"^(?=[a-z0-9])", (ROOT / "requirements.lock").read_text(), flags=re.MULTILINE)[1:]
    assert len(blocks) > len(PROJECT["dependencies"])
    assert all("--hash=sha256:" in block for block in blocks)


def test_citation_has_the_version_of_the_package():
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == flatchannels.__version__


def test_the_docs_list_every_assumption():
    tagged = Counter(path.name for path in (ROOT / "workflow").rglob("*.py") for _ in range(path.read_text().count("ASSUME:")))
    listed = re.findall(r"^\| `(\w+\.py)` \|", (ROOT / "docs" / "assumptions.md").read_text(), re.MULTILINE)
    assert tagged and tagged == Counter(listed)
