"""How fast the judge is beside transformers' own pipeline, on the same model, prompts and machine, in the same run.

    python perf/batching.py [--samples 128] [--threads 1]

The peer is `transformers.pipeline("image-text-to-text")`, one prompt at a time and in batches of 32. Prints samples per
second of each and the ratio; on another machine the ratio travels better than the seconds.
"""

import argparse
import statistics
import time

import torch
import transformers
from tqdm import tqdm

from mtrl_judge_plugin import images, load_judge, prompts, tiny
from mtrl_judge_plugin.benchmarks.embedded import load

NEW_TOKENS = 32
REPEATS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=128, help="how many of the embedded benchmark's test samples")
    parser.add_argument("--threads", type=int, default=1, help="torch threads; more than the idle cores slows all down")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    transformers.logging.set_verbosity_error()
    samples = load("test", "alignment")[: chosen.samples]
    conversations = [prompts.messages(sample) for sample in samples]
    for conversation in conversations:
        for item in conversation[0]["content"]:
            if item["type"] == "image":
                item["image"] = images.load(item["image"])
    pipeline = transformers.pipeline("image-text-to-text", model=str(tiny.JUDGE), device="cpu", dtype=torch.float32)
    pipeline.tokenizer.padding_side = "left"
    judge = load_judge(ledger="none", max_new_tokens=NEW_TOKENS - 1)
    options = {"generate_kwargs": {"max_new_tokens": NEW_TOKENS, "do_sample": False}, "return_full_text": False}
    contenders = {
        "pipeline, one at a time": lambda: [pipeline(text=conversation, **options) for conversation in conversations],
        "pipeline, batches of 32": lambda: pipeline(text=conversations, batch_size=32, **options),
        "mtrl_judge": lambda: judge.reply(conversations, max_tokens=1),
    }
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in tqdm(range(REPEATS), desc="Rounds"):
        for name, run in contenders.items():  # taken in turn, so that a busy minute hits all of them
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    ours = statistics.median(seconds["mtrl_judge"])
    print(f"{len(samples)} samples, {NEW_TOKENS} new tokens, {chosen.threads} thread(s), median of {REPEATS}")
    for name, times in seconds.items():
        median = statistics.median(times)
        print(f"{name:<26}{len(samples) / median:8.1f} samples/s   mtrl_judge is {median / ours:5.2f} x as fast")


if __name__ == "__main__":
    main()
