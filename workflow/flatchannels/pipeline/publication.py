"""What is published of finished results: tables, figures, scorecard, ends of all runs, and how they came about.

The rule `publish` lays it out in <results>/published. `python -m flatchannels.pipeline.publication CONFIGURATION FOLDER` then puts
it into a folder, such as docs/reproduction, in place of what was published there before. Only its README.md stays. With --redraw in place
of the configuration it puts figures and scorecard there that later code drew from the tables in the folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from flatchannels.pipeline import config, places, published, sources, sweep_summary
from flatchannels.storage import archives, atomic

KEPT_FILE = "README.md"  # of the folder; written by hand
TOLD_SCRIPTS = ("runs.py", "network_routes.py", "channels_table.py", "scorecard.py")  # whose fingerprints are told
TOLD_PACKAGES = ("numpy", "scipy", "numba", "pandas", "pyarrow", "matplotlib", "snakemake")


COSTS_FILE = "costs.txt"  # what the runs cost and how they ended


def lay_out(
    target: Path, results: Path, files: Iterable[str], records: Sequence[str], configuration: Mapping[str, Any], left_out: Sequence[str]
) -> None:
    """Copy files to `target`, in the folders that they have below `results`, with configuration, origin and costs beside them.

    Parameters
    ----------
    target : Path
        Folder; what is in it goes.
    results : Path
        Folder of the results.
    files : iterable of str
        Of it, those to publish.
    records : sequence of str
        Of the runs, for the origin.
    configuration : mapping
        Validated.
    left_out : sequence of str
        Datasets that could not be drawn.

    Raises
    ------
    RecordError
        A record without metadata.
    WriteError
        A file cannot be written.
    """
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True, exist_ok=True)
    names = sorted(str(Path(path).relative_to(results)) for path in files)
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(results / name, target / name)
    atomic.write_text(target / COSTS_FILE, sweep_summary.describe(results))
    names.append(COSTS_FILE)
    write_configuration(target, configuration)
    told = origin(configuration, records) | {"left_out": list(left_out), "files": {name: told_of(target / name) for name in names}}
    write_origin(target, told)


def as_yaml(configuration: Mapping[str, Any]) -> str:
    """A configuration as YAML.

    Parameters
    ----------
    configuration : mapping

    Returns
    -------
    str
    """
    return yaml.safe_dump(dict(configuration), sort_keys=False, allow_unicode=True, width=140)


def write_configuration(folder: Path, configuration: Mapping[str, Any]) -> None:
    """Put the configuration of published results into their folder, without the place of the results.

    Parameters
    ----------
    folder : Path
    configuration : mapping
    """
    public = {key: value for key, value in configuration.items() if key != "results_dir"}
    atomic.write_text(folder / published.CONFIGURATION_FILE, as_yaml(public))


def write_origin(folder: Path, told: Mapping[str, Any]) -> None:
    """Put the origin of published results into their folder.

    Parameters
    ----------
    folder : Path
    told : mapping
        `origin`, with the datasets that are left out and the files.
    """
    atomic.write_text(folder / published.ORIGIN_FILE, json.dumps(told, indent=1, ensure_ascii=False) + "\n")


def told_of(path: Path) -> dict[str, Any]:
    """What the origin says of a published file: size and SHA-256.

    Parameters
    ----------
    path : Path

    Returns
    -------
    dict
    """
    return {"bytes": path.stat().st_size, "sha256": digest(path)}


def origin(configuration: Mapping[str, Any], records: Sequence[str]) -> dict[str, Any]:
    """How results came about: preset, seed, numbers of runs, software and processors of the runs, code, machine, dates.

    Parameters
    ----------
    configuration : mapping
        Validated.
    records : sequence of str
        Paths of the records.

    Returns
    -------
    dict

    Raises
    ------
    RecordError
        A record has no metadata.
    """
    runs: Counter[str] = Counter()
    versions, processors = set(), set()
    for path in records:
        meta = archives.read_meta(path)
        runs[meta["sweep"]] += meta["last_seed"] - meta["first_seed"] + 1
        versions.add(json.dumps(meta["versions"], sort_keys=True))
        processors.add(meta["cpu"])
    times = sorted(os.path.getmtime(path) for path in records)
    scripts = places.home() / "workflow" / "scripts"
    return {
        "preset": configuration["preset"],
        "seed": configuration["seed"],
        "runs": dict(runs),
        "software_of_the_runs": [json.loads(each) for each in sorted(versions)],
        "processors_of_the_runs": sorted(processors),
        "runs_made": [day(times[0]), day(times[-1])] if times else [],
        "published": day(datetime.now(UTC).timestamp()),
        "software": {"python": platform.python_version(), **{name: metadata.version(name) for name in TOLD_PACKAGES}},
        "code": {name: sources.fingerprint([scripts / name]) for name in TOLD_SCRIPTS},
        "commit": commit(),
        "machine": machine(),
    }


def day(seconds: float) -> str:
    """A time as its day in UTC: 2026-11-28.

    Parameters
    ----------
    seconds : float
        Since the epoch.

    Returns
    -------
    str
    """
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def commit() -> str:
    """The commit of the checkout, with + where files differ from it; "" outside of a repository.

    Returns
    -------
    str
    """
    try:
        found = [
            subprocess.run(["git", *words], cwd=places.home(), capture_output=True, text=True, check=True).stdout.strip()
            for words in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
        ]
    except (OSError, subprocess.CalledProcessError):
        return ""
    return found[0] + "+" * bool(found[1])


def machine() -> dict[str, Any]:
    """Processor, number of cores, memory and operating system of this machine, as far as it says.

    Returns
    -------
    dict
    """
    told: dict[str, Any] = {"system": platform.system(), "architecture": platform.machine(), "cores": os.cpu_count()}
    try:
        told["operating_system"] = platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        pass
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        told["processor"] = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
        told["memory_gb"] = round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (OSError, StopIteration, ValueError):
        pass
    return told


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal.

    Parameters
    ----------
    path : path
        Of the file.

    Returns
    -------
    str
    """
    return hashlib.sha256(path.read_bytes()).hexdigest()


def changed(folder: Path) -> list[str]:
    """Published files of a folder that are missing, or are not those that were published.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    list of str
    """
    told = published.origin(folder)["files"]
    return [name for name, each in told.items() if not (folder / name).is_file() or digest(folder / name) != each["sha256"]]


def replace(folder: Path, source: Path) -> None:
    """Put a copy of one folder in the place of another, all at once, but for that one's README.md, which stays.

    What is there is moved aside when the copy is whole, so that an interruption or a full disk loses nothing.

    Parameters
    ----------
    folder : Path
    source : Path
    """
    copy, aside = (folder.with_name(f".{folder.name}.{word}") for word in ("new", "before"))
    if aside.exists() and not folder.exists():  # an earlier call was interrupted between its two moves
        aside.rename(folder)
    for left in (copy, aside):
        shutil.rmtree(left, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(source, copy)
    if folder.exists():
        if (folder / KEPT_FILE).exists():
            shutil.copy2(folder / KEPT_FILE, copy)
        folder.rename(aside)
    copy.rename(folder)
    shutil.rmtree(aside, ignore_errors=True)


def redraw(folder: Path, drawn: Path) -> list[str]:
    """Put figures and scorecard that were drawn from a folder's own tables, with later code, in place of those in it.

    Parameters
    ----------
    folder : Path
        With published results.
    drawn : Path
        Where `snakemake --config from_tables=FOLDER` made them.

    Returns
    -------
    list of str
        The names of those that changed.
    """
    told = published.origin(folder)
    changes = [name for name in told["files"] if (drawn / name).exists() and digest(drawn / name) != told["files"][name]["sha256"]]
    by = commit()  # before the folder, which may be part of the checkout, changes
    for name in changes:
        shutil.copyfile(drawn / name, folder / name)
        told["files"][name] = told_of(folder / name)
    if changes:
        write_origin(folder, told | {"drawn": day(datetime.now(UTC).timestamp()), "drawn_at_commit": by})
    return changes


def main(configuration: str, target: str) -> None:
    """Put what `snakemake publish` laid out into a folder, and say how large it is.

    Parameters
    ----------
    configuration : path
    target : path
        The folder.
    """
    try:
        given = config.validate(config.load(configuration), configuration)
    except config.ConfigError as error:
        sys.exit(str(error))
    source, folder = Path(given["results_dir"]) / "published", Path(target)
    if not (source / published.ORIGIN_FILE).exists():
        sys.exit(f"{source} is not there; `snakemake publish --configfile {configuration}` makes it")
    if folder.exists() and not folder.is_dir():
        sys.exit(f"{target} is a file; name a folder, or a new one")
    if folder.exists() and any(folder.iterdir()) and not (folder / published.ORIGIN_FILE).exists() and os.listdir(folder) != [KEPT_FILE]:
        sys.exit(f"{target} holds files, but nothing published; name another folder, or a new one")
    try:
        replace(folder, source)
    except OSError as error:  # shutil's too, which lists every file
        sys.exit(f"{target} cannot be written: {error.strerror or 'not all files could be copied'}; what was there before is there still")
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{target}: {size / 1e6:.1f} MB published")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python -m flatchannels.pipeline.publication (CONFIGURATION | --redraw) FOLDER")
    if sys.argv[1] == "--redraw":
        try:
            place = Path(published.folder(sys.argv[2], Path.cwd()))
            print("drawn anew:", ", ".join(redraw(place, Path(published.DRAWN_RESULTS))) or "nothing, all are the same")
        except config.ConfigError as error:
            sys.exit(str(error))
    else:
        main(sys.argv[1], sys.argv[2])
