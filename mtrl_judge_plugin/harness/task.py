"""JudgeTask: the one class that our task YAMLs name. A YAML holds values only; everything else is here.

task: mtrl_judge_embedded_safety
class: !function mtrl_judge_plugin.harness.task.JudgeTask
output_type: generate_until
metadata:
  benchmark: embedded     # a module of mtrl_judge_plugin.benchmarks
  subset: safety          # what its load() is asked for
  metrics: [macro_f1, accuracy, well_formed, coverage]
  split: validation       # what load() reads; test if not given
  folder: /data           # where from, for a benchmark that takes a folder (`prepared`)
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import partial
from typing import Any

import datasets
from lmms_eval.api.task import ConfigurableMessagesTask

from mtrl_judge_plugin import images, prompts
from mtrl_judge_plugin.metrics import agreement
from mtrl_judge_plugin.sample import Sample
from mtrl_judge_plugin.verdict import parse

Record = Mapping[str, Any]
_SPLIT = "test"


class JudgeTask(ConfigurableMessagesTask):
    """A judging benchmark as an lmms-eval task.

    The model's whole reply, reasoning included, is read by the one parser; each metric is computed once, over the
    records of all documents of the run.
    """

    #: Read replies leniently; set by a model that is told to (`lenient=true`).
    lenient = False

    def __init__(self, config: Mapping[str, Any]) -> None:
        values = {name: value for name, value in config.items() if name != "class"}
        metrics = values["metadata"]["metrics"]
        unknown = sorted(set(metrics) - set(METRICS))
        if unknown:
            raise ValueError(f"task {values['task']}: unknown metrics {unknown}; there are {sorted(METRICS)}")
        values |= {
            "test_split": values["metadata"].get("split", _SPLIT),
            # Reasoning stays in the reply: whether it is well formed is part of what is measured.
            "reasoning_tags": "none",
            "cluster_key": "group",
            "doc_to_text": "{{question}}",
            "doc_to_target": "{{label}}",
            "doc_to_visual": lambda doc: list(doc["images"]),
            "doc_to_messages": lambda doc: host_messages(to_sample(doc)),
            "process_results": partial(self._records, metrics),
            "metric_list": [
                {"metric": name, "aggregation": METRICS[name], "higher_is_better": True} for name in metrics
            ],
            "generation_kwargs": {
                "max_new_tokens": 1024,
                "temperature": 0,
                **(config.get("generation_kwargs") or {}),
            },
        }
        #: Samples whose reply was finished by a forced answer; a model that forces notes them here.
        self.forced: set[str] = set()
        super().__init__(config=values)

    def download(self, dataset_kwargs: Any = None) -> None:
        """Load the benchmark's Samples as the task's data set (the host calls this while it builds the task)."""
        source = self.config.metadata
        load = importlib.import_module(f"mtrl_judge_plugin.benchmarks.{source['benchmark']}").load
        split = self.config.test_split
        place = {"folder": source["folder"]} if "folder" in source else {}
        data = datasets.Dataset.from_list([_row(sample) for sample in load(split, source["subset"], **place)])
        self.dataset = datasets.DatasetDict({split: data})
        self.dataset_no_image = datasets.DatasetDict({split: data.remove_columns("images")})

    def _records(self, metrics: Sequence[str], doc: Mapping[str, Any], replies: Sequence[Any]) -> dict[str, Record]:
        reply = replies[0][0] if isinstance(replies[0], list) else replies[0]
        verdict = parse(reply, doc["choices"], lenient=self.lenient)
        record = {
            "id": doc["id"],
            "group": doc["group"],
            "variant": doc["variant"],
            "label": doc["label"],
            "answer": verdict.answer,
            "well_formed": verdict.well_formed and doc["id"] not in self.forced,
            "forced": doc["id"] in self.forced,
        }
        # The host turns a "score" into a standard error of the mean: right for the accuracy, and for nothing else.
        scored = {"score": float(verdict.answer == doc["label"])} if verdict.answer is not None else {}
        return {name: record | scored if name == "accuracy" else record for name in metrics}


def to_sample(doc: Mapping[str, Any]) -> Sample:
    """The Sample that a document was made from (without its images where the host left them out)."""
    return Sample(**{name: doc[name] for name in _COLUMNS if name in doc})


def host_messages(sample: Sample) -> list[dict[str, Any]]:
    """A Sample's prompt in lmms-eval's message form, for whatever chat model it runs."""
    return [
        {"role": message["role"], "content": [_host_item(item) for item in message["content"]]}
        for message in prompts.messages(sample)
    ]


def _host_item(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "image", "url": images.load(item["image"])} if item["type"] == "image" else dict(item)


_COLUMNS = [field.name for field in fields(Sample)]


def _row(sample: Sample) -> dict[str, Any]:
    row = {name: getattr(sample, name) for name in _COLUMNS}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in row.items()}


def _over_answers(metric: Callable[[list[str], list[str | None]], float], records: Sequence[Record]) -> float:
    return metric([record["label"] for record in records], [record["answer"] for record in records])


def _coverage(records: Sequence[Record]) -> float:
    return agreement.coverage([record["answer"] for record in records])


def _well_formed(records: Sequence[Record]) -> float:
    return sum(bool(record["well_formed"]) for record in records) / len(records)


#: name in a YAML -> aggregation over all records of a run.
METRICS: dict[str, Callable[[Sequence[Record]], float]] = {
    "macro_f1": partial(_over_answers, agreement.macro_f1),
    "accuracy": partial(_over_answers, agreement.accuracy),
    "pearson": partial(_over_answers, agreement.pearson),
    "well_formed": _well_formed,
    "coverage": _coverage,
}
