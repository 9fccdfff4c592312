"""Position consistency as a reward, for OpenRLHF: `--train.agent_func_path .../consistency_agent.py`.

Each pair is judged in both orders; the second reply is only read, not trained on. R' = (1 - w) R + w [right in both],
w = MTRL_REWARD_CONSISTENCY (0.2). The idea is MJ1's (arXiv 2603.07990); that both verdicts have to be right is ours: a
judge that is consistently wrong, or always says A, gets nothing for it. It costs one more generation for each rollout
of a pair. All other samples take the ordinary path, with training/reward/reward.py.
"""

from __future__ import annotations

import asyncio
from typing import Any

from openrlhf.utils.agent import SingleTurnAgentExecutor  # type: ignore[import-not-found]

from mtrl_judge_plugin.benchmarks import prepared
from mtrl_judge_plugin.sample import Sample
from mtrl_judge_plugin.training.reward import reward
from mtrl_judge_plugin.training.reward.targets import exact_mean
from mtrl_judge_plugin.variants import swapped

CONSISTENCY = reward.weight("MTRL_REWARD_CONSISTENCY", 0.2)


class AgentExecutor(SingleTurnAgentExecutor):
    """OpenRLHF's own executor, run on both orders of a pair.

    `extra_logs` gains `pairs/share` and `pairs/both_right`: 0 for samples that are no pair, so that the ratio of their
    means is the share of pairs judged right in both orders.
    """

    def __init__(self) -> None:
        super().__init__(reward.__file__)

    async def execute(
        self,
        prompt: str,
        label: str,
        sampling_params: Any,
        max_length: int,
        hf_tokenizer: Any,
        llm_engine: Any,
        images: Any = None,
    ) -> dict[str, Any]:
        """One rollout of `prompt`; arguments and result are OpenRLHF's.

        Raises:
            ValueError: the label does not hold the sample that the prompt asks about. It stops the run.
        """
        sample = prepared.to_sample({"label": label, "images": images or []})
        orders = [(prompt, label, images)]
        if sample.form == "pairwise":
            if _render(sample, hf_tokenizer)[0] != prompt:
                raise ValueError(f"sample {sample.id!r}: its prompt is not what its label says; prepare the data again")
            orders.append(_render(swapped(sample), hf_tokenizer))
        run, rest = super().execute, (sampling_params, max_length, hf_tokenizer, llm_engine)
        given, *others = await asyncio.gather(*(run(text, right, *rest, images=seen) for text, right, seen in orders))
        logs = {"pairs/share": 0.0, "pairs/both_right": 0.0}
        for other in others:
            both_right = float(given["extra_logs"]["accuracy"] * other["extra_logs"]["accuracy"])
            logs = {"pairs/share": 1.0, "pairs/both_right": both_right}
            for name in ("reward", "scores"):
                given[name] = exact_mean((1 - CONSISTENCY) * float(given[name]) + CONSISTENCY * both_right)
        result: dict[str, Any] = given | {"extra_logs": given["extra_logs"] | logs}
        return result


def _render(sample: Sample, tokenizer: Any) -> tuple[str, str, list[Any]]:
    """Prompt, label and images of a sample, as OpenRLHF takes them from its row."""
    row = prepared.to_row(sample, sample.all_images)
    text = tokenizer.apply_chat_template(row["messages"], tokenize=False, add_generation_prompt=True)
    return text, row["label"], row["images"]
