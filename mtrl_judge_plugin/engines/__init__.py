"""Engines: chat messages -> completions. One small interface, one file each; an engine imports its library when built.

A conversation is a list of chat messages as `prompts.messages` makes them. If its last message is the assistant's, the
engine continues that message instead of starting a new one: a forced answer or a prefilled think block is plain data.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, get_type_hints

from mtrl_judge_plugin.messages import Conversation

#: name -> where its class stands; the class's keyword arguments are the engine's options.
ENGINES = {
    "hf": "mtrl_judge_plugin.engines.hf:HFEngine",
    "vllm": "mtrl_judge_plugin.engines.vllm:VLLMEngine",
    "endpoint": "mtrl_judge_plugin.engines.endpoint:EndpointEngine",
}


#: Engines count up from a seed, one for each conversation.
_SEEDS_PER_DRAW = 1_000_003


class EngineError(ValueError):
    """The engine cannot be built or asked as the caller wants; the message names the option and the way out."""


@dataclass(frozen=True)
class Sampling:
    """How tokens are chosen. Greedy by default; `seed` only matters where `temperature` > 0.

    Attributes:
        max_new_tokens: budget of one generation, in tokens; 1 or more.
        temperature: 0 = greedy.
        top_p: nucleus, in (0, 1].
        seed: of the sampling.
        stop: strings at which the reply ends (they are not part of it).
        logprobs: also give the log-probability of each generated token, where the engine has them.
        grammar: what the reply must be, for engines with `constrains`: JSON, {"json": schema} or {"regex": ...}; or "".

    Raises:
        EngineError: a value out of its range.
    """

    max_new_tokens: int = 1024
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    logprobs: bool = False
    grammar: str = ""

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1:
            raise EngineError(f"max_new_tokens={self.max_new_tokens}: want 1 or more")
        if not 0 <= self.temperature < math.inf:
            raise EngineError(f"temperature={self.temperature}: want 0 (greedy) or more")
        if not 0 < self.top_p <= 1:
            raise EngineError(f"top_p={self.top_p}: want a number above 0, up to 1")

    def of_draw(self, draw: int) -> Sampling:
        """The same with a seed range of its own: 0 leaves the seed as it is."""
        return replace(self, seed=self.seed + draw * _SEEDS_PER_DRAW)


@dataclass(frozen=True)
class Completion:
    """What an engine made of one conversation.

    Attributes:
        text: the new text alone, with `<think>` tags, also where a server parts the reasoning off by itself.
        finished: False if it was cut off by `max_new_tokens`.
        prompt_tokens, completion_tokens: as the engine counted them.
        error: why there is no text, or None. One conversation's failure never ends the others.
        logprobs: (text, log-probability) of the generated tokens, in order: natural logarithms under the model's raw
            logits, before temperature, top_p and penalties (of an endpoint: whatever its server calls so). The texts,
            joined, are a stretch of `text`: all that was generated, or where a server parts the reasoning off, all
            behind it. None: not asked for, or not to be had.
    """

    text: str = ""
    finished: bool = True
    prompt_tokens: int = 0
    completion_tokens: int = 0
    error: str | None = None
    logprobs: tuple[tuple[str, float], ...] | None = None


@dataclass(frozen=True)
class Scores:
    """Log-probabilities (natural logarithm, <= 0) of each choice as the continuation of one conversation."""

    logprobs: Mapping[str, float]
    prompt_tokens: int = 0
    error: str | None = None


class Engine(Protocol):
    """The interface of an engine. Both methods yield (index, result) in the order in which results are ready.

    An engine that answers each question by itself says how many side by side by an attribute `concurrency`; the others
    form batches.

    An engine that gives the same reply whenever it is asked the same says so by an attribute `deterministic = True`.
    Without it, a reply that cannot be read is not served again from the ledger: the engine is asked again.

    An engine whose `score` is cheap, a pass over the prompt and no new request, says so by an attribute
    `scores = True`. Then a reply in the wrong format is asked for again by the scores of the texts that fit.

    An engine that obeys `Sampling.grammar` says so by an attribute `constrains = True`. Then such a reply is asked for
    again under the grammar of its format, where the texts that fit are too many to be scored.
    """

    #: All that determines a reply beside messages and sampling: kind, model, revision or digest, options. JSON values.
    identity: Mapping[str, Any]

    def generate(self, conversations: Sequence[Conversation], sampling: Sampling) -> Iterator[tuple[int, Completion]]:
        """One completion a conversation."""
        ...

    def score(
        self, conversations: Sequence[Conversation], choices: Sequence[Sequence[str]], suffix: str
    ) -> Iterator[tuple[int, Scores]]:
        """Log-probability of `choice + suffix` as a whole, for each of a conversation's choices."""
        ...

    def truncate(self, text: str, tokens: int) -> str:
        """The text's first tokens: what a caller's `max_tokens` lets through."""
        ...


def engine_class(kind: str) -> Any:
    """The class of an engine, by name.

    Raises:
        EngineError: there is none of that name, or its library is missing or broken.
    """
    if kind not in ENGINES:
        close = difflib.get_close_matches(kind.lower(), ENGINES, n=1)
        hint = f"did you mean {close[0]}?" if close else f"one of {', '.join(ENGINES)}"
        raise EngineError(f"engine={kind}: unknown; {hint}")
    module, _, name = ENGINES[kind].partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        hint = "`mtrl-judge doctor` names the package and how to mend it"
        raise EngineError(f"engine={kind}: cannot be imported here ({error}); {hint}") from error


def engine_options(kind: str) -> dict[str, Any]:
    """The options that an engine takes, with their types."""
    hints = get_type_hints(engine_class(kind).__init__)
    return {name: hints.get(name, Any) for name in inspect.signature(engine_class(kind)).parameters}


#: (kind, options, engine) of every engine of this process.
_built: list[tuple[str, dict[str, Any], Engine]] = []
_building = threading.Lock()
#: Options that change no reply.
_PLACEMENT = ("device", "batch")


def shared_engine(kind: str, **options: Any) -> Engine:
    """An engine, built once a process: a judge and the model under test share their weights.

    The caller that builds an engine decides where it runs and in which batches: one of otherwise equal options also
    serves those who leave that open.
    """
    with _building:
        for built_kind, built, engine in _built:
            fits = all(options.get(name) in (None, built.get(name)) for name in _PLACEMENT)
            if built_kind == kind and fits and _what(built) == _what(options):
                return engine
        built_engine: Engine = engine_class(kind)(**options)
        _built.append((kind, options, built_engine))
        return built_engine


def _what(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name not in _PLACEMENT and value is not None}
