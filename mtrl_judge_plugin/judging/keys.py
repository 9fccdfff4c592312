"""The ledger's key of a question: a digest of everything that determines the reply."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from mtrl_judge_plugin.engines import Sampling
from mtrl_judge_plugin.judging.generation import Question

_LATER = ("logprobs", "grammar")


def key_of(
    identity: Mapping[str, Any], verdict: str, question: Question, sampling: Sampling, answer_tokens: int
) -> str:
    """The key of a question; the reading, lenient or strict, is no part of it: it is applied to the stored reply.

    Args:
        identity: of the engine.
        verdict: "reason" or "direct".
        question: with the prompt as the ledger shows it.
        sampling: as it is asked.
        answer_tokens: budget of the visible part.
    """
    what = {
        "engine": dict(identity),
        "mode": verdict if question.choices else "reply",
        "prompt": question.prompt,
        "choices": list(question.choices) if verdict == "direct" or question.thought else [],
        # Without a thought, log-probabilities and a grammar, the key is the same as before there were any.
        **({"mode": "choose", "thought": question.thought} if question.thought else {}),
        "sampling": {name: value for name, value in asdict(sampling).items() if name not in _LATER or value},
        "answer_tokens": answer_tokens,
        "draw": question.draw,
    }
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()
