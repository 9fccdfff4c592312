"""Engine `vllm`: vLLM in process, for evaluations of a size where throughput counts.

The prompt is rendered by the model's own template here and not by vLLM, so that it is the `hf` engine's to the letter,
and so that a continued message needs nothing of the template. Kernels may round differently by the size of a batch on a
GPU; vLLM's VLLM_BATCH_INVARIANT=1 rules that out, at some cost of speed.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from mtrl_judge_plugin.engines import Completion, EngineError, Sampling, Scores
from mtrl_judge_plugin.engines.batches import Result, Run, rendered, run_or_split
from mtrl_judge_plugin.engines.checkpoint import checkpoint_digest
from mtrl_judge_plugin.engines.prompt_logprobs import TokenLogprobs, choice_logprobs
from mtrl_judge_plugin.engines.rendering import Rendered, Renderer
from mtrl_judge_plugin.engines.reply_tokens import from_ids
from mtrl_judge_plugin.installation.requirements import how_to_install
from mtrl_judge_plugin.messages import Conversation

#: Conversations handed to vLLM at a time: enough to keep it busy, and all that a killed run has to do again.
_CHUNK = 256


class VLLMEngine:
    """A vision-language model in vLLM's own process, with prefix caching.

    Args:
        pretrained: a checkpoint folder or a hub id.
        revision: branch, tag or commit of a hub id.
        dtype: "auto", "bfloat16", "float16" or "float32".
        max_model_len: longest prompt and reply together, in tokens; the model's own limit by default.
        tensor_parallel_size: number of GPUs to spread the model over.
        gpu_memory_utilization: share of a GPU's memory that vLLM may take.
        max_images: most images in one conversation; a video counts as its frames.
        enforce_eager: no CUDA graphs: starts sooner, runs slower.
        max_pixels: shrink larger images to this area before the model's own processor sees them.
        trust_remote_code: run the model's own code from its repository.

    Raises:
        EngineError: vLLM is not installed, or cannot load the model.
    """

    deterministic = True

    scores = True

    constrains = True

    def __init__(
        self,
        pretrained: str,
        *,
        revision: str | None = None,
        dtype: str = "auto",
        max_model_len: int | None = None,
        tensor_parallel_size: int = 1,
        gpu_memory_utilization: float = 0.9,
        max_images: int = 8,
        enforce_eager: bool = False,
        max_pixels: int | None = None,
        trust_remote_code: bool = False,
    ) -> None:
        try:
            import vllm
        except ImportError as error:
            raise EngineError(
                f"engine=vllm: vLLM cannot be imported ({error}); to install it: {how_to_install('vllm')}"
            ) from error
        from transformers import AutoProcessor

        self._vllm = vllm
        self._max_images = max_images
        self._lock = threading.Lock()
        try:
            processor = AutoProcessor.from_pretrained(
                pretrained, revision=revision, trust_remote_code=trust_remote_code
            )
            self._llm = vllm.LLM(
                model=pretrained,
                revision=revision,
                tokenizer_revision=revision,
                dtype=dtype,
                max_model_len=max_model_len,
                tensor_parallel_size=tensor_parallel_size,
                gpu_memory_utilization=gpu_memory_utilization,
                limit_mm_per_prompt={"image": max_images, "video": 0},
                enforce_eager=enforce_eager,
                enable_prefix_caching=True,
                trust_remote_code=trust_remote_code,
                seed=0,
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise EngineError(f"pretrained={pretrained}: vLLM cannot load it: {error}") from error
        self._renderer = Renderer(processor, max_pixels)
        self._tokenizer = processor.tokenizer
        self.identity: Mapping[str, Any] = {
            "engine": "vllm",
            "model": pretrained,
            **checkpoint_digest(pretrained, revision),
            "dtype": dtype,
            "max_model_len": max_model_len,  # where a reply is cut off
            "max_pixels": max_pixels,
        }

    def generate(self, conversations: Sequence[Conversation], sampling: Sampling) -> Iterator[tuple[int, Completion]]:
        """One completion a conversation; see `Engine`."""

        def run(numbers: Sequence[int], prompts: Sequence[Rendered]) -> list[Completion]:
            parameters = [self._parameters(sampling, number) for number in numbers]
            outputs = self._llm.generate([_prompt(prompt) for prompt in prompts], parameters, use_tqdm=False)
            return [self._completion(prompt, output) for prompt, output in zip(prompts, outputs, strict=True)]

        yield from self._in_chunks(conversations, run, lambda error: Completion(error=error))

    def score(
        self, conversations: Sequence[Conversation], choices: Sequence[Sequence[str]], suffix: str
    ) -> Iterator[tuple[int, Scores]]:
        """Log-probability of each `choice + suffix`, one prompt a choice; see `Engine`."""
        parameters = self._vllm.SamplingParams(temperature=0, max_tokens=1, prompt_logprobs=0, detokenize=False)

        def run(numbers: Sequence[int], prompts: Sequence[Rendered]) -> list[Scores]:
            whole = [
                _prompt(prompt, choice + suffix)
                for number, prompt in zip(numbers, prompts, strict=True)
                for choice in choices[number]
            ]
            rows = iter([_token_logprobs(output) for output in self._llm.generate(whole, parameters, use_tqdm=False)])
            scores = []
            for number in numbers:
                sums, same = choice_logprobs([next(rows) for _ in choices[number]])
                scores.append(Scores(dict(zip(choices[number], sums, strict=True)), prompt_tokens=same))
            return scores

        yield from self._in_chunks(conversations, run, lambda error: Scores({}, error=error))

    def truncate(self, text: str, tokens: int) -> str:
        """The text's first tokens."""
        ids = self._tokenizer(text, add_special_tokens=False).input_ids
        return text if len(ids) <= tokens else self._tokenizer.decode(ids[:tokens], skip_special_tokens=True).strip()

    def _in_chunks(
        self, conversations: Sequence[Conversation], run: Run[Result], failed: Callable[[str], Result]
    ) -> Iterator[tuple[int, Result]]:
        refusals = (ValueError, self._vllm.exceptions.VLLMClientError)
        for start in range(0, len(conversations), _CHUNK):
            numbers = range(start, min(start + _CHUNK, len(conversations)))
            prompts, failures = rendered(conversations, numbers, self._render, failed)
            yield from failures
            if prompts:
                with self._lock:
                    results = list(run_or_split(list(prompts.items()), run, failed, refusals))
                yield from results

    def _render(self, conversation: Conversation) -> Rendered:
        prompt = self._renderer.render(conversation)
        if len(prompt.images) > self._max_images:
            raise EngineError(f"{len(prompt.images)} images in one conversation; raise max_images={self._max_images}")
        return prompt

    def _parameters(self, sampling: Sampling, number: int) -> Any:
        return self._vllm.SamplingParams(
            max_tokens=sampling.max_new_tokens,
            temperature=sampling.temperature,
            top_p=sampling.top_p if sampling.temperature > 0 else 1.0,
            seed=sampling.seed + number if sampling.temperature > 0 else None,
            stop=list(sampling.stop),
            logprobs=0 if sampling.logprobs else None,  # 0: of the chosen token alone
            structured_outputs=self._grammar(sampling.grammar) if sampling.grammar else None,
        )

    def _grammar(self, grammar: str) -> Any:
        return self._vllm.sampling_params.StructuredOutputsParams(**json.loads(grammar))

    def _completion(self, prompt: Rendered, output: Any) -> Completion:
        reply = output.outputs[0]
        opened = "<think>" if prompt.opened else ""
        finished = reply.finish_reason != "length"
        found = None
        if reply.logprobs is not None:
            logprobs = [row[token].logprob for token, row in zip(reply.token_ids, reply.logprobs, strict=True)]
            found = from_ids(self._decode, reply.token_ids, logprobs, reply.text)
        used = (len(output.prompt_token_ids), len(reply.token_ids))
        return Completion(opened + reply.text, finished, *used, logprobs=found)

    def _decode(self, tokens: Sequence[int]) -> str:
        return str(self._tokenizer.decode(tokens, skip_special_tokens=True))


def _prompt(rendered: Rendered, more: str = "") -> dict[str, Any]:
    prompt: dict[str, Any] = {"prompt": rendered.text + more}
    if rendered.images:
        prompt["multi_modal_data"] = {"image": rendered.images}
    return prompt


def _token_logprobs(output: Any) -> TokenLogprobs:
    return [
        (token, row[token].logprob if row else 0.0)
        for token, row in zip(output.prompt_token_ids, output.prompt_logprobs, strict=True)
    ]
