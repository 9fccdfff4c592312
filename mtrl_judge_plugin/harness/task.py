"""JudgeTask: the one class that our task YAMLs name. A YAML holds values only; everything else is here.

task: mtrl_judge_vl_rewardbench
class: !function mtrl_judge_plugin.harness.task.JudgeTask
output_type: generate_until
lmms_eval_specific_kwargs:
  default: {lenient: true}        # other models' replies are read leniently; `instruction:` words the reply format
  mtrl_judge: {lenient: false}    # ours must keep to its format (lenient=true among its arguments says otherwise)
metadata:
  benchmark: vl_rewardbench       # a module of mtrl_judge_plugin.benchmarks, or the dotted path of yours
  subset: vl_rewardbench          # the task that its load() is asked for
  metrics: [accuracy, acc_plus]   # headline numbers, each with its interval; all others are in the JSON file
  split: validation               # what load() reads; test if not given
  folder: /data                   # where from, if not from MTRL_JUDGE_DATA or the hub
  options: {threshold: 3.5}       # further arguments of load()
  variants: [paraphrases]         # twins to judge beside the orders of pairs and rankings, see variants.py
"""

from __future__ import annotations

import copy
import inspect
import itertools
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import fields
from functools import partial
from types import MappingProxyType
from typing import Any

import datasets
from lmms_eval.api.instance import Instance
from lmms_eval.api.task import ConfigurableMessagesTask
from loguru import logger

from mtrl_judge_plugin import images, prompts
from mtrl_judge_plugin.benchmarks import registry
from mtrl_judge_plugin.benchmarks.reading.images import keep
from mtrl_judge_plugin.benchmarks.reading.rows import DataError, readable
from mtrl_judge_plugin.benchmarks.reading.source import counting_rows_left_out
from mtrl_judge_plugin.metrics.analysis import Analysis, analyse
from mtrl_judge_plugin.metrics.judgments import from_record
from mtrl_judge_plugin.metrics.measures import METRICS, plain
from mtrl_judge_plugin.sample import Sample, flat, from_flat
from mtrl_judge_plugin.variants import KINDS, expand
from mtrl_judge_plugin.verdict import Verdict, parse

Record = Mapping[str, Any]
_SPLIT = "test"
#: The `--model` of the run whose tasks are being loaded: `lmms_eval_specific_kwargs` chooses by it.
MODEL_NAME: ContextVar[str | None] = ContextVar("MODEL_NAME", default=None)
#: Suffixes of the rows that hold the ends of a metric's interval.
LOW, HIGH = "_ci95_low", "_ci95_high"
_HIGHER_IS_BETTER = {"highest": True, "lowest": False, "zero": None}
#: Shares that need no interval in a table.
_WITHOUT_INTERVAL = ("coverage", "well_formed")


class JudgeTask(ConfigurableMessagesTask):
    """A judging benchmark as an lmms-eval task.

    The model's whole reply, reasoning included, is read by the one parser; all metrics come from one analysis of the
    records of all documents of the run.
    """

    #: Why there is no data, or None.
    missing: str | None = None
    #: Why rows of the data could not be used -> how many.
    left_out: Mapping[str, int] = MappingProxyType({})
    #: The analysis and the records of the run, once its metrics were computed.
    finished: tuple[Analysis, list[Record]] | None = None

    def __init__(self, config: Mapping[str, Any]) -> None:
        values = {name: value for name, value in config.items() if name != "class"}
        _check(values)
        self.headline: list[str] = values["metadata"]["metrics"]
        values |= {
            "test_split": values["metadata"].get("split", _SPLIT),
            # Reasoning stays in the reply: whether it is well formed is part of what is measured.
            "reasoning_tags": "none",
            "cluster_key": "group",
            "doc_to_text": "{{question}}",
            "doc_to_target": "{{label}}",
            "doc_to_visual": lambda doc: list(doc["images"]),
            "doc_to_messages": self._messages,
            "process_results": self._records,
            "metric_list": [
                {
                    "metric": row,
                    "aggregation": partial(self._aggregate, name, part),
                    "higher_is_better": _HIGHER_IS_BETTER[METRICS[plain(name)]],
                }
                for row, name, part in self._rows()
            ],
            "generation_kwargs": {
                "max_new_tokens": 1024,
                "temperature": 0,
                **(config.get("generation_kwargs") or {}),
            },
        }
        #: What a model that judges Samples knows of a verdict beyond its reply: sample id -> verdict.
        self.verdicts: dict[str, Verdict] = {}
        self._judge_is_ours = self._read_leniently = self._takes_plain_requests = False
        self._analysed: list[Any] | None = None
        self._warned_of_cache = False
        super().__init__(config=values, model_name=MODEL_NAME.get())

    def meet(self, model: Any) -> None:
        """Learn which model is evaluated; `harness.evaluation` calls this before the first request.

        With one of ours, replies are read as its arguments say (`lenient=true`).
        """
        judge = getattr(model, "judge", None)  # not kept: the host copies tasks
        self._judge_is_ours = judge is not None
        self._takes_plain_requests = bool(getattr(model, "is_simple", False))
        self._read_leniently = judge is not None and judge.lenient
        self.verdicts.clear()

    def download(self, dataset_kwargs: Any = None) -> None:
        """Load the benchmark's Samples and their twins as the task's data set (the host calls this).

        Where the data is missing or broken, `missing` says why: the other tasks of the run are still scored, and this
        one has no requests. If no other task is left, the run stops (`harness.evaluation`).
        """
        try:
            data = self._load()
        except (ImportError, AttributeError, NameError):  # a fault of the installation, not of the data
            raise
        except Exception as error:  # files of others: whatever a library raises on them
            self.missing = str(error) if isinstance(error, DataError) else f"{type(error).__name__}: {error}"
            logger.warning(f"task {self.config.task} is not scored: {self.missing}")
            data = datasets.Dataset.from_list([_row(_PLACEHOLDER)])
        self.dataset = datasets.DatasetDict({self.config.test_split: data})
        self.dataset_no_image = datasets.DatasetDict({self.config.test_split: data.remove_columns("images")})

    def build_all_requests(self, **options: Any) -> None:
        """As the host does it, but nothing is asked where the data is missing."""
        if self.missing is None:
            super().build_all_requests(**options)
        else:
            self._instances: list[Any] = []

    def construct_requests(self, doc_id: int, ctx: str, **options: Any) -> Instance:
        """As the host does it; for models that it calls simple, the prompt as a text and its images in their order."""
        if not self._takes_plain_requests:
            return super().construct_requests(doc_id, ctx, **options)
        split = options["metadata"]["split"]
        instruction = (self.lmms_eval_specific_kwargs or {}).get("instruction")
        text = plain_text(to_sample(self.dataset[split][doc_id]), instruction)
        generation = copy.deepcopy(self.config.generation_kwargs)
        arguments = (text, generation, _pictures, doc_id, self.config.task, split)
        return Instance(
            request_type=self.OUTPUT_TYPE,
            arguments=arguments,
            idx=0,
            task_name=self.config.task,
            doc_id=doc_id,
            **options,
        )

    def _load(self) -> datasets.Dataset:
        """The benchmark's Samples and their twins.

        Raises:
            DataError: the data cannot be used, or an image cannot be decoded.
        """
        source = self.config.metadata
        load = registry.find(source["benchmark"]).load
        split = self.config.test_split
        place = {"folder": source["folder"]} if "folder" in source else {}
        with counting_rows_left_out() as self.left_out:
            samples = list(load(split, source["subset"], **place, **source.get("options", {})))
        twins = list(expand(samples, dict.fromkeys(["orders", *source.get("variants", [])])))
        doubled = [name for name, number in Counter(sample.id for sample in twins).items() if number > 1]
        if doubled:
            raise DataError(f"task {self.config.task}: several samples have the id {doubled[0]!r}; ids must be unique")
        if not twins:
            raise DataError(f"task {self.config.task}: {source['benchmark']} has no samples in its {split} split")
        return datasets.Dataset.from_list(_uniform([_row(sample) for sample in twins]))

    def apply_filters(self) -> None:
        """All replies of `--repeats`, where the host's own filter would keep the first alone."""
        super().apply_filters()
        for instance in self.instances:
            instance.filtered_resps = {name: list(instance.resps) for name in instance.filtered_resps}

    def _messages(self, doc: Mapping[str, Any]) -> list[dict[str, Any]]:
        return host_messages(to_sample(doc), (self.lmms_eval_specific_kwargs or {}).get("instruction"))

    def _records(self, doc: Mapping[str, Any], replies: Sequence[Any]) -> dict[str, Record]:
        texts = [text for reply in replies for text in (reply if isinstance(reply, list) else [reply])]
        lenient = self._read_leniently or (self.lmms_eval_specific_kwargs or {}).get("lenient", False)
        read = [parse(text, doc["choices"], lenient=lenient) for text in texts]
        known = self.verdicts.get(doc["id"])
        if known is None:
            known = read[0]
            if self._judge_is_ours and not self._warned_of_cache:
                self._warned_of_cache = True
                logger.warning(
                    f"task {self.config.task}: replies come from lmms-eval's --use_cache, which does not know which "
                    "were forced, nor their probabilities: well_formed and calibration are wrong. Run without it: "
                    "the ledger keeps all judgments"
                )
        record = {
            **{name: doc[name] for name in _JUDGED},
            "answer": read[0].answer,
            "answers": [verdict.answer for verdict in read],
            "well_formed": read[0].well_formed and not known.forced,
            "forced": known.forced,
            "probabilities": known.probabilities,
            "lengths": [len(response) for response in doc["responses"]],
            # All orders of six candidates are 720, in every row of every log; metrics of rankings do not need them.
            "choices": [] if doc["form"] == "ranking" else doc["choices"],
        }
        # The host turns a "score" into a standard error of the mean: right for the accuracy, and for nothing else.
        judged = from_record(record)
        scored = {} if judged.base != "original" or math.isnan(judged.agrees) else {"score": judged.agrees}
        return {row: record | scored if row == "accuracy" else record for row, _, _ in self._rows()}

    def _rows(self) -> Iterator[tuple[str, str, str]]:
        """(row of the host's table, metric, part of its estimate)."""
        for name in self.headline:
            yield name, name, "value"
            if name not in _WITHOUT_INTERVAL:
                yield name + LOW, name, "low"
                yield name + HIGH, name, "high"

    def _aggregate(self, name: str, part: str, records: Sequence[Record]) -> float:
        """One number of the run; the host asks for each of them with records of its own, which are all the same."""
        key = [(record["id"], record["answer"]) for record in records]
        if self.finished is None or self._analysed != key:
            data = f"{self.config.metadata['benchmark']}/{self.config.metadata['subset']}"
            analysis = analyse([from_record(record) for record in records], data=data)
            self._analysed, self.finished = key, (analysis, list(records))
            missing = [name for name in self.headline if name not in analysis.estimates]
            if missing:
                logger.warning(
                    f"task {self.config.task}: its judgments have no {', '.join(missing)} (NaN in the table)"
                )
        estimates = self.finished[0].estimates
        return float(getattr(estimates[name], part)) if name in estimates else float("nan")


def to_sample(doc: Mapping[str, Any]) -> Sample:
    """The Sample that a document was made from (without its images where the host left them out)."""
    return from_flat({name: doc[name] for name in _COLUMNS if name in doc})


def host_messages(sample: Sample, instruction: str | None = None) -> list[dict[str, Any]]:
    """A Sample's prompt in lmms-eval's message form, for whatever chat model it runs."""
    return [
        {"role": message["role"], "content": [_host_item(item) for item in message["content"]]}
        for message in prompts.messages(sample, instruction or prompts.INSTRUCTION)
    ]


def plain_text(sample: Sample, instruction: str | None = None) -> str:
    """A Sample's prompt as one text, for models that take their images beside it, in their order.

    >>> pair = Sample("1", "t", "pairwise", "Which one is red?", images=("a.png", "b.png"))
    >>> plain_text(pair).splitlines()[0]
    'The images are, in this order: Image A, Image B.'
    """
    (message,) = prompts.messages(sample, instruction or prompts.INSTRUCTION)
    content = message["content"]
    texts = [item["text"] for item in content if item["type"] == "text"]
    if len(texts) == 1 or sample.images_compete:  # the images come first
        names = [name.rstrip(":") for name in texts[:-1]]
        return "\n".join([*([f"The images are, in this order: {', '.join(names)}."] if names else []), texts[-1]])
    numbers = itertools.count(1)
    lines = [item["text"] if item["type"] == "text" else f"[image {next(numbers)}]" for item in content]
    last = len(content) - len(texts)
    return "\n".join(
        [f"The images stand in the text as [image 1] to [image {last}], and are given in this order.", *lines]
    )


def _pictures(doc: Mapping[str, Any]) -> list[Any]:
    """A document's images, decoded: simple models take paths for those of videos."""
    return [images.load(image) for image in doc["images"]]


def _host_item(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "image", "url": images.load(item["image"])} if item["type"] == "image" else dict(item)


#: Stands in for data that is missing: the host looks at a first document.
_PLACEHOLDER = Sample(
    id="missing", task="missing", form="pointwise", question="", images=(), text="", choices=("yes", "no"), label="yes"
)
_COLUMNS = [field.name for field in fields(Sample)]
#: Columns of a Sample that go into a record.
_JUDGED = ("id", "origin", "group", "variant", "task", "form", "choices", "label", "ratings")


def _row(sample: Sample) -> dict[str, Any]:
    for image in sample.all_images:
        if isinstance(image, images.Broken):
            raise DataError(f"{image.reason}; download it again, or take the row out")
    row = flat(sample)
    row |= {"text": readable(sample.text), "responses": [readable(response) for response in sample.responses]}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in row.items()}


def _check(values: Mapping[str, Any]) -> None:
    """Say what is wrong with a YAML's values before anything is loaded.

    Raises:
        ValueError: the message names the task, the key and what it may hold.
    """
    metadata = values.get("metadata") or {}
    where = f"task {values.get('task')}: metadata"
    for key in ("benchmark", "subset", "metrics"):
        if key not in metadata:
            raise ValueError(f"{where}: no {key}")
    for key, known in (("metrics", METRICS), ("variants", KINDS)):
        names = metadata.get(key, [])
        if not isinstance(names, list):
            raise ValueError(f"{where}: {key}: {names!r} is not a list")
        unknown = [name for name in names if plain(str(name)) not in known]
        if unknown:
            raise ValueError(f"{where}: unknown {key} {unknown}; there are {', '.join(sorted(known))}")
    try:
        takes = inspect.signature(registry.find(metadata["benchmark"]).load).parameters
    except registry.BenchmarkError as error:
        raise ValueError(f"{where}: benchmark: {error}") from error
    for name in [*metadata.get("options", {}), *(["folder"] if "folder" in metadata else [])]:
        if name not in takes:
            raise ValueError(f"{where}: {metadata['benchmark']} takes no {name!r}; it takes {', '.join(takes)}")
    if "folder" not in metadata and "folder" in takes and takes["folder"].default is inspect.Parameter.empty:
        raise ValueError(f"{where}: {metadata['benchmark']} needs a folder")


def _uniform(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Images all as bytes or all as paths: a column of a data set has one type."""
    if {type(image) for row in rows for image in row["images"]} == {bytes, str}:
        for row in rows:
            row["images"] = [keep(image) if isinstance(image, bytes) else image for image in row["images"]]
    return rows
