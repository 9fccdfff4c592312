"""Supervised fine-tuning of a vision-language model into a judge: python -m mtrl_judge_plugin.training.sft --help

Trains on well-formed replies, `<think>reasoning</think><answer>label</answer>`, to the very prompts that the judge is
asked later. Some targets have empty reasoning, so that the judge can also answer at once (`verdict=direct`).

Examples:
  The embedded judge's first stage (CPU, a million parameters):
    python -m mtrl_judge_plugin.training.sft --model untrained --data embedded --out stage1 \\
        --tasks safety,quality --max-steps 500 --lr 2e-3 --optimizer muon
  A full-size model:
    python -m mtrl_judge_plugin.training.sft --model Qwen/Qwen3-VL-4B-Instruct --data embedded --out judge --lr 1e-5

The same command with --resume continues a run that was killed.
"""

from __future__ import annotations

import argparse
import io
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset, Features, Image, List, Value
from PIL import Image as PILImage
from transformers import AutoModelForImageTextToText, AutoProcessor
from transformers.trainer_utils import get_last_checkpoint
from trl import SFTConfig, SFTTrainer

from mtrl_judge_plugin.benchmarks import embedded
from mtrl_judge_plugin.prompts import messages
from mtrl_judge_plugin.sample import Sample
from mtrl_judge_plugin.training.optimizers import MuonWithAdamW
from mtrl_judge_plugin.verdict import format_reply

#: name -> (task or None for all) -> [(sample, target reasoning)]
DATA = {"embedded": lambda task: embedded.load_with_reasoning("train", task)}

_TURN = [{"role": Value("string"), "content": [{"type": Value("string"), "text": Value("string")}]}]
FEATURES = Features({"prompt": _TURN, "completion": _TURN, "images": List(Image())})


def main(argv: Sequence[str] | None = None) -> None:
    """Command line."""
    args = parse(argv)
    names = args.tasks.split(",") if args.tasks else [None]
    samples = [row for name in names for row in DATA[args.data](name)]
    train(samples, args)


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The options of a run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="checkpoint folder or hub name to start from")
    parser.add_argument("--data", required=True, choices=sorted(DATA), help="what to train on: its train split")
    parser.add_argument("--out", required=True, type=Path, help="folder for the trained model and its checkpoints")
    parser.add_argument(
        "--tasks", help="comma-separated, all of them if not given; one named n times is seen n times as often"
    )
    parser.add_argument("--max-steps", type=int, help="stop after so many steps (default: one epoch)")
    parser.add_argument("--batch-size", type=int, default=32, help="samples a step (default: %(default)s)")
    parser.add_argument(
        "--micro-batch-size",
        type=int,
        help="samples a forward pass; a step adds up several (default: the whole batch)",
    )
    parser.add_argument("--lr", type=float, default=1e-5, help="peak learning rate (default: %(default)s)")
    parser.add_argument(
        "--optimizer",
        choices=("adamw", "muon"),
        default="adamw",
        help="muon: Muon on weight matrices, AdamW on the rest; far faster from scratch (default: %(default)s)",
    )
    parser.add_argument(
        "--answer-only-share",
        type=float,
        default=0.15,
        help="share of targets without reasoning, which verdict=direct needs (default: %(default)s)",
    )
    parser.add_argument("--save-steps", type=int, default=500, help="steps between checkpoints (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of order and targets (default: %(default)s)")
    parser.add_argument("--resume", action="store_true", help="continue from the last checkpoint in --out, if any")
    args = parser.parse_args(argv)
    if args.micro_batch_size and args.batch_size % args.micro_batch_size:
        parser.error(f"--batch-size {args.batch_size} is not a multiple of --micro-batch-size {args.micro_batch_size}")
    return args


def train(samples: Sequence[tuple[Sample, str]], args: argparse.Namespace) -> None:
    """Train on the samples and write model and processor to `args.out`."""
    model = AutoModelForImageTextToText.from_pretrained(args.model, dtype=torch.float32)
    processor = AutoProcessor.from_pretrained(args.model)
    micro_batch = args.micro_batch_size or args.batch_size
    steps = args.max_steps or max(1, len(samples) // args.batch_size)
    config = SFTConfig(
        output_dir=str(args.out),
        num_train_epochs=1,
        per_device_train_batch_size=micro_batch,
        gradient_accumulation_steps=args.batch_size // micro_batch,
        train_sampling_strategy="sequential",
        learning_rate=args.lr,
        lr_scheduler_type="cosine_with_min_lr",
        lr_scheduler_kwargs={"min_lr_rate": 0.02},
        warmup_steps=0.05,
        max_length=None,
        gradient_checkpointing=False,
        bf16=False,
        save_steps=args.save_steps,
        save_total_limit=1,
        logging_steps=50,
        seed=args.seed,
        report_to="none",
    )
    trainer = SFTTrainer(
        model=model,
        args=config,
        train_dataset=to_dataset(samples, steps, args.batch_size, args.answer_only_share, args.seed),
        processing_class=processor,
        optimizers=(MuonWithAdamW(model, args.lr), None) if args.optimizer == "muon" else (None, None),
    )
    trainer.train(resume_from_checkpoint=get_last_checkpoint(args.out) if args.resume and args.out.is_dir() else None)
    trainer.save_model(args.out)


def to_dataset(
    samples: Sequence[tuple[Sample, str]], steps: int, batch_size: int, answer_only_share: float, seed: int
) -> Dataset:
    """All rows of a run in the order of training: shuffled anew each epoch, with a fresh share of them answer-only.

    Inside a batch they stand by length, so that micro-batches need little padding; the batch itself stays random.
    """
    rng = random.Random(seed)
    order: list[int] = []
    while len(order) < steps * batch_size:
        order += rng.sample(range(len(samples)), len(samples))
    plan = [(index, rng.random() < answer_only_share) for index in order[: steps * batch_size]]
    rows: list[dict[str, Any]] = []
    lengths: list[int] = []
    place: dict[tuple[int, bool], int] = {}
    for index, answer_only in sorted(set(plan)):
        sample, reasoning = samples[index]
        place[index, answer_only] = len(rows)
        rows.append(to_row(sample, "" if answer_only else reasoning))
        lengths.append(len(sample.images) * 1000 + len(sample.text) + (0 if answer_only else len(reasoning)))
    places = [place[chosen] for chosen in plan]
    batches = [
        sorted(places[at : at + batch_size], key=lengths.__getitem__) for at in range(0, len(places), batch_size)
    ]
    return Dataset.from_list(rows, features=FEATURES).select([row for batch in batches for row in batch])


def to_row(sample: Sample, reasoning: str) -> dict[str, Any]:
    """One sample as a row: the judge's own prompt with its images in a column of their own, and the reply to learn."""
    if sample.label is None:
        raise ValueError(f"sample {sample.id!r} has no label to train on")
    turns = messages(sample)
    images = [item["image"] for turn in turns for item in turn["content"] if item["type"] == "image"]
    prompt = [
        {
            "role": turn["role"],
            "content": [{"type": item["type"], "text": item.get("text")} for item in turn["content"]],
        }
        for turn in turns
    ]
    reply = [{"type": "text", "text": format_reply(reasoning, sample.label)}]
    return {
        "prompt": prompt,
        "completion": [{"role": "assistant", "content": reply}],
        "images": [*map(_encoded, images)],
    }


def _encoded(image: Any) -> dict[str, Any]:
    """A path, encoded bytes or a PIL image, as the Image feature stores it."""
    if isinstance(image, bytes):
        return {"bytes": image, "path": None}
    if isinstance(image, PILImage.Image):
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        return {"bytes": buffer.getvalue(), "path": None}
    return {"bytes": None, "path": str(image)}


if __name__ == "__main__":
    main()
