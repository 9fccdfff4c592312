"""`mtrl-judge prepare`: judging benchmarks -> a folder of training data."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from mtrl_judge_plugin.benchmarks.prepared import MANIFEST
from mtrl_judge_plugin.benchmarks.reading import columns
from mtrl_judge_plugin.benchmarks.reading.source import DATA_ROOT, SPLITS
from mtrl_judge_plugin.benchmarks.registry import BenchmarkError
from mtrl_judge_plugin.installation.requirements import how_to_install
from mtrl_judge_plugin.reporting import tables
from mtrl_judge_plugin.reporting.tables import Cell, Table
from mtrl_judge_plugin.sample import SampleError
from mtrl_judge_plugin.terminal import flags
from mtrl_judge_plugin.training.prepare import PrepareError
from mtrl_judge_plugin.training.prepare.mixing import MIXINGS

DESCRIPTION = (
    """\
Reads judging benchmarks and writes training data: train.jsonl, validation.jsonl, test.jsonl, the image files and
manifest.json. `mtrl-judge sft` and `mtrl-judge grpo` read such a folder; it has OpenRLHF's and TRL's columns (messages,
images, label, datasource).

Every image is decoded. A sample with a broken image is left out and named. A training sample is also left out if one
of its images is in the test or validation split of these benchmarks (of all their tasks) or in a --held-out benchmark,
even if the image was scaled or compressed again. A validation sample is left out if one of its images is in the test
split or in a --held-out benchmark. Crops and mirror images are not recognised. manifest.json says what was left out and
why, with counts, digests and licence terms.

--swap, --balance, --limit and --mixing shape the train split only, in this order. Validation and test stay complete, so
that figures stay comparable. Both orders of a pair are drawn together. No sample is drawn twice: mixing makes the large
tasks smaller.

The same arguments and sources give the same bytes. Running a finished folder again returns at once. A run that was
killed goes on with the images it has. Other arguments need another folder.

Examples:
  mtrl-judge prepare embedded --out data
  Two tasks, at most 2,000 samples each, every pair in both orders, as many samples of each label:
    mtrl-judge prepare embedded --out data --tasks safety,pairwise --limit 2000 --swap --balance
  A limit for each task, shares between proportional and equal, prompts that fit max_len 4096 with 1024 new tokens:
    mtrl-judge prepare embedded --out data --limit alignment=4000,pairwise=6000 --mixing temperature --temperature 3 \\
        --model Qwen/Qwen3-VL-4B-Instruct --max-tokens 3072
  A benchmark of your own (mine.py, see docs/EXTENDING.md), without any image of the embedded one:
    mtrl-judge prepare mine --out data --held-out embedded
  Your own table of judgments (see below):
    mtrl-judge prepare custom --out data --columns 'table=votes.csv, image=img_path, response_a=answer_1,
        response_b=answer_2, label=preferred, label_map="model1:A,model2:B", form=pairwise,
        question="Which answer is better?"'

Your own table, `custom` (.csv, .tsv, .jsonl, .json, .parquet; exports of Label Studio, Argilla and Doccano):
  --columns says which of its columns is what, as name=COLUMN, separated by commas; a column that has one of our names
  needs no mention. docs/your-own-data.md explains it with examples.
"""
    + columns.explained(4)
    + """
  Without a split column, rows are split 80/10/10 by group, else by image, else by text.
"""
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mtrl-judge prepare`."""
    parser.add_argument(
        "benchmarks",
        nargs="+",
        type=flags.text,
        metavar="BENCHMARK",
        help="a benchmark of this package (embedded, ...), or a module of yours that Python can import",
    )
    parser.add_argument(
        "--data-root",
        type=flags.path,
        metavar="FOLDER",
        help=f"local data sets, one folder each; the hub is asked for the others (default: ${DATA_ROOT})",
    )
    parser.add_argument(
        "--columns",
        type=flags.text,
        metavar="TEXT",
        help=f"of custom: the table, and which of its columns is what (default: ${columns.VARIABLE})",
    )
    parser.add_argument("--out", required=True, type=flags.path, metavar="FOLDER", help="a new or empty folder")
    parser.add_argument(
        "--tasks",
        type=flags.names,
        default=(),
        help="comma-separated TASK or BENCHMARK:TASK (default: all)",
    )
    parser.add_argument(
        "--limit",
        type=limits,
        default={},
        metavar="N",
        help="most training samples of a task; or comma-separated TASK=N (and N for the others)",
    )
    parser.add_argument(
        "--mixing",
        choices=MIXINGS,
        default="proportional",
        help="shares of the tasks: as large as they are, equal, or n ** (1 / temperature) (default: %(default)s)",
    )
    parser.add_argument(
        "--temperature",
        type=flags.number(1),
        default=2.0,
        metavar="T",
        help="of --mixing temperature: 1 is proportional, larger is more equal (default: %(default)s)",
    )
    parser.add_argument(
        "--swap", action="store_true", help="add the other order of every pair that the benchmark holds in one order"
    )
    parser.add_argument(
        "--balance", action="store_true", help="as many samples of each label within a task as of its rarest"
    )
    parser.add_argument(
        "--held-out",
        action="append",
        default=[],
        type=flags.text,
        metavar="NAME[:TASK]",
        help="another benchmark whose images must not be trained on (all its splits but train); may be repeated",
    )
    parser.add_argument(
        "--near",
        type=flags.whole_number(-1, 64),
        default=8,
        metavar="BITS",
        help="how far apart two 64-bit perceptual hashes of copies may be, 0 to 64; -1: only equal pixels are copies"
        " (default: %(default)s, measured on the embedded benchmark)",
    )
    parser.add_argument(
        "--model", type=flags.text, help="folder or hub name whose processor counts tokens for --max-tokens"
    )
    parser.add_argument(
        "--max-tokens",
        type=flags.count,
        metavar="N",
        help="leave out samples whose prompt, image tokens included, is longer; for OpenRLHF: max_len - max_new_tokens",
    )
    parser.add_argument(
        "--seed", type=flags.seed, default=0, help="seed of the draws and of the order (default: %(default)s)"
    )
    tables.add_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Prepare the folder; returns the exit status."""
    if (args.model is None) != (args.max_tokens is None):
        print("mtrl-judge prepare: --model and --max-tokens go together; give both or none", file=sys.stderr)
        return 2
    try:
        if not (args.out / MANIFEST).exists():  # a finished folder may be read-only
            flags.check_output("--out", args.out)
        if args.data_root:
            flags.check_input("--data-root", args.data_root)
    except flags.FlagError as error:
        print(f"mtrl-judge prepare: {error}", file=sys.stderr)
        return 2
    if args.data_root:
        os.environ[DATA_ROOT] = str(args.data_root.resolve())
    try:
        from mtrl_judge_plugin.training.prepare import pipeline
    except ImportError as error:
        print(f"mtrl-judge prepare: {error}; {how_to_install('train')}", file=sys.stderr)
        return 2
    options = {name: getattr(args, name) for name in pipeline.Options.__dataclass_fields__}
    try:
        manifest, fresh = pipeline.prepare(pipeline.Options(**options), args.out)
    except (PrepareError, BenchmarkError, SampleError) as error:
        print(f"mtrl-judge prepare: {error}", file=sys.stderr)
        return 2
    try:
        tables.show(table(manifest, f"{args.out}: {'ready' if fresh else 'up to date, nothing to do'}"), args)
    except OSError as error:
        print(f"mtrl-judge prepare: {error.filename}: {error.strerror}; the folder is complete", file=sys.stderr)
        return 2
    return 0


def table(manifest: dict[str, Any], state: str) -> Table:
    """The counts of a manifest, one row a split and task, and what was left out.

    Columns after split and task: rows kept; samples left out because an image is broken, the prompt is over
    --max-tokens, an image is also in a held-out split, or there is no human label; rows that limits, balance and mixing
    did not draw.

    Args:
        manifest: of the folder.
        state: the last line below the table.
    """
    numbers = ("kept", "corrupt", "too long", "copy", "no label", "not drawn")
    rows: list[list[Cell]] = []
    for split in SPLITS:
        for task, found in manifest["counts"][split].items():
            labels = ", ".join(f"{label} {number}" for label, number in found["labels"].items())
            rows.append([split, task, *(found[name] for name in numbers), labels])
    copies, files = manifest["copies"], manifest["files"]["images"]
    notes = [
        f"copies of one of {copies['held_out_images']} held-out images left out: {copies['samples_with_same']} samples "
        f"with the same pixels, {copies['samples_with_near']} with nearly the same"
    ]
    if copies["held_out_images_unreadable"]:
        notes.append(
            f"{copies['held_out_images_unreadable']} held-out images are broken: nothing was compared with them"
        )
    notes.append(f"{len(manifest['left_out'])} samples left out, each named in {MANIFEST}")
    notes.append(f"{files['number']} image files, {files['bytes'] / 1e6:.1f} MB")
    notes += [f"terms of {name}: {terms}" for name, terms in manifest["terms"].items() if terms]
    notes.append(state)
    return Table(["split", "task", *numbers, "labels of the kept"], rows, notes=notes)


def limits(text: str) -> dict[str, int]:
    """Task -> its limit, of `TASK=N,...`; a bare N is under ""."""
    found: dict[str, int] = {}
    for part in flags.names(text):
        task, _, number = part.rpartition("=")
        if task in found:
            raise argparse.ArgumentTypeError(f"{text!r}: two limits for {task or 'the other tasks'}; give one")
        found[task] = flags.count(number)
    return found
