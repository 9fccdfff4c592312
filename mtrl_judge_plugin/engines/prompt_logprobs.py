"""Log-probabilities of a prompt's tokens -> those of the choices that prompts end in. For vLLM and its servers.

Each choice is scored by a prompt of its own, conversation + choice + suffix. What the prompts of one conversation have
in common says nothing about the choices, and where a choice begins may fall inside a token: so what counts are the
tokens behind the longest prefix that all of them share.
"""

from __future__ import annotations

from collections.abc import Sequence

#: A prompt: (token id, its log-probability given the tokens before it) each; the first token's is of no meaning.
TokenLogprobs = Sequence[tuple[int, float]]


def common_prefix(rows: Sequence[Sequence[int]]) -> int:
    """Number of tokens that all rows begin with.

    >>> common_prefix([[1, 2, 3], [1, 2, 4, 5]])
    2
    """
    shortest = min(map(len, rows))
    return next((at for at in range(shortest) if len({row[at] for row in rows}) > 1), shortest)


def choice_logprobs(prompts: Sequence[TokenLogprobs]) -> tuple[list[float], int]:
    """Sum of the log-probabilities behind the common prefix, a prompt each, and the length of that prefix.

    >>> choice_logprobs([[(1, 0.0), (7, -0.5)], [(1, 0.0), (8, -1.0), (9, -0.25)]])
    ([-0.5, -1.25], 1)
    """
    same = common_prefix([[token for token, _ in prompt] for prompt in prompts])
    return [sum(logprob for _, logprob in prompt[same:]) for prompt in prompts], same
