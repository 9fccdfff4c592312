"""`lmms-eval --model mtrl_judge`: the judge as a chat model of the host.

On our own tasks it judges Samples, with forced answers, `verdict=direct` and all; on any other generation task it
answers the task's own prompt and returns only the visible part of the reply.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lmms_eval.api.instance import GenerationResult, Instance, TokenCounts
from lmms_eval.api.model import lmms

from mtrl_judge_plugin.engines import Conversation, Sampling
from mtrl_judge_plugin.harness.task import JudgeTask, to_sample
from mtrl_judge_plugin.judge import Judge
from mtrl_judge_plugin.loading import load_judge

#: What the host's own chat models generate where a task says nothing.
_DEFAULT_MAX_TOKENS = 1024


class MTRLJudge(lmms):
    """The judge as an lmms-eval model. `--model_args` takes what `load_judge` takes; none = the embedded judge.

    Args:
        batch_size: the host's `--batch_size`. Its default of 1 means "choose": the engine forms its own batches.
        max_batch_size: not used; the host passes it.
        device: the host's `--device`.
        options: see `mtrl_judge_plugin.load_judge`.
    """

    is_simple = False

    def __init__(
        self, batch_size: int | str = 1, max_batch_size: Any = None, device: str | None = None, **options: Any
    ) -> None:
        super().__init__()
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            from accelerate import Accelerator

            self.accelerator = Accelerator()
            self._rank, self._world_size = self.accelerator.process_index, self.accelerator.num_processes
            device = device or str(self.accelerator.device)
        kind = options.get("engine", "hf")
        if kind == "hf":
            if device is not None:
                options.setdefault("device", device)
            if str(batch_size).isdecimal() and int(batch_size) > 1:
                options.setdefault("batch", int(batch_size))
        self.judge: Judge = load_judge(**options)
        self.device = device or "cpu"
        self.batch_size = batch_size
        JudgeTask.lenient = self.judge.lenient

    def generate_until(self, requests: Sequence[Instance]) -> list[GenerationResult]:
        """Replies to generation requests, in their order."""
        results: list[GenerationResult | None] = [None] * len(requests)
        ours = [number for number, request in enumerate(requests) if _task_of(request) is not None]
        for number, result in zip(ours, self._judge([requests[number] for number in ours]), strict=True):
            results[number] = result
        groups: dict[tuple[int, Sampling], list[int]] = {}
        for number, request in enumerate(requests):
            if results[number] is None:
                groups.setdefault(self._limits(request.args[2] or {}), []).append(number)
        for (max_tokens, sampling), numbers in groups.items():
            conversations = [self._conversation(requests[number]) for number in numbers]
            replies = self.judge.reply(
                conversations, max_tokens=max_tokens, sampling=sampling, progress=self._rank == 0
            )
            for number, reply in zip(numbers, replies, strict=True):
                counts = TokenCounts(reply.prompt_tokens, reply.completion_tokens)
                results[number] = GenerationResult(reply.text, counts)
        for request, result in zip(requests, results, strict=True):
            self.cache_hook.add_partial("generate_until", (request.args[0], request.args[2]), result)
        self._report()
        return [result for result in results if result is not None]

    def generate_until_multi_round(self, requests: Sequence[Instance]) -> list[str]:
        """Not offered: judging is one question, one verdict."""
        raise NotImplementedError("mtrl_judge answers in one round; run multi-round tasks with another --model")

    def loglikelihood(self, requests: Sequence[Instance]) -> list[tuple[float, bool]]:
        """Not offered: the host's multiple-choice tasks have no chat messages."""
        raise NotImplementedError("mtrl_judge runs generation tasks; for choice probabilities use verdict=direct")

    def _judge(self, requests: Sequence[Instance]) -> Iterator[GenerationResult]:
        samples = []
        for request in requests:
            _, _, _, number, task, split = request.args
            samples.append(to_sample(self.task_dict[task][split][number]))
        for verdict in self.judge.judge(samples, progress=self._rank == 0) if samples else []:
            # A failed judgment is an empty reply: unscored, never a guess.
            yield GenerationResult(verdict.reply, None)

    def _limits(self, options: Mapping[str, Any]) -> tuple[int, Sampling]:
        # `until` is left aside, as the host's own chat models do: its default, a blank line, would end any reasoning.
        temperature = float(options.get("temperature") or 0.0) if options.get("do_sample", True) else 0.0
        sampling = self.judge.sampling
        if temperature > 0:
            sampling = replace(sampling, temperature=temperature, top_p=float(options.get("top_p") or 1.0))
        return int(options.get("max_new_tokens") or _DEFAULT_MAX_TOKENS), sampling

    def _conversation(self, request: Instance) -> Conversation:
        _, doc_to_messages, _, number, task, split = request.args
        messages = doc_to_messages(self.task_dict[task][split][number])
        return [{"role": message["role"], "content": _items(message["content"])} for message in messages]

    def _report(self) -> None:
        if self._rank == 0 and self.judge.counts["failed"] + self.judge.counts["unreadable"]:
            print(f"mtrl_judge: {self.judge.summary()}")


def _task_of(request: Instance) -> JudgeTask | None:
    # The host hands over the bound method `task.doc_to_messages`.
    task = getattr(request.args[1], "__self__", None)
    return task if isinstance(task, JudgeTask) else None


def _items(content: Any) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [
        {"type": item["type"], item["type"]: item["text"] if item["type"] == "text" else item["url"]}
        for item in content
    ]
