"""The command `mtrl-judge`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

from mtrl_judge_plugin import __version__

_EXAMPLES = """\
the judge itself runs inside lmms-eval:
  lmms-eval --model mtrl_judge --tasks mtrl_judge_embedded      judge a benchmark (the embedded judge, offline)
  API_TYPE=mtrl_judge lmms-eval --model ... --tasks mmvet       be the judge of another benchmark
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="mtrl-judge",
        description="A multimodal judge inside lmms-eval.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    doctor = commands.add_parser(
        "doctor",
        help="check the installation and say how to mend what is wrong",
        description="Prints versions, whether lmms-eval sees the model, the judge provider and the tasks, whether "
        "torch and torchvision fit, the GPU, and lets the embedded judge answer one question. Exit status 1 if "
        "anything fails.",
    )
    doctor.set_defaults(run=_doctor)
    chosen = parser.parse_args(arguments)
    status: int = chosen.run()
    return status


def _doctor() -> int:
    # Nothing that a doctor looks at lies on a network; a wrong path must not turn into minutes of retries.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from mtrl_judge_plugin.doctor import findings

    failed = 0
    for finding in findings():
        print(f"{'ok  ' if finding.ok else 'FAIL'}  {finding.name:<24}{finding.detail}", flush=True)
        if not finding.ok:
            failed += 1
            print(f"      {'':<24}-> {finding.mend}", flush=True)
    print("everything is in order" if not failed else f"{failed} to mend")
    return 1 if failed else 0
