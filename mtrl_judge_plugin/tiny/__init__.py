"""The embedded judge and the embedded benchmark: package data, a few MB, made by this project's own scripts."""

from pathlib import Path

#: A Qwen3-VL checkpoint folder of about a million parameters, with tokenizer, processor and chat template.
JUDGE = Path(__file__).parent / "judge"
#: train.parquet, validation.parquet, test.parquet
BENCHMARK = Path(__file__).parent / "benchmark"
