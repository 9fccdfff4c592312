"""An engine that knows every Sample it is asked about, and answers by a rule: judges whose metrics theory tells."""

import random

from mtrl_judge_plugin import prompts
from mtrl_judge_plugin.engines import Completion
from mtrl_judge_plugin.messages import describe
from mtrl_judge_plugin.variants import restored
from mtrl_judge_plugin.verdict import format_reply


class RuleEngine:
    """Answers each Sample by `rule(sample)`, or what is no choice where that is None.

    `known` holds the Samples by their prompt; `rule` is the judge of the test.
    """

    known = {}
    rule = None

    def __init__(self):
        self.identity = {"kind": "rule", "model": "rule"}

    @classmethod
    def learn(cls, samples):
        for sample in samples:
            cls.known.setdefault(describe(prompts.messages(sample)), sample)

    def generate(self, conversations, sampling):
        for number, conversation in enumerate(conversations):
            answer = type(self).rule(self.known[describe(conversation)])
            yield number, Completion(format_reply("as the rule says", answer), True, 1, 1)

    def score(self, conversations, choices, suffix):
        raise NotImplementedError

    def truncate(self, text, tokens):
        return text


def of_origin(samples):
    """id -> the original of a sample: what an oracle looks at when it is shown a twin without a label."""
    originals = {sample.origin: sample for sample in samples if sample.variant == "original"}
    return lambda sample: originals[sample.origin]


def oracle(original):
    """Right about everything; of candidates alone, the better one has the better score."""

    def rule(sample):
        if sample.label is not None:
            return sample.label
        label = original(sample).label
        if not sample.variant.startswith("alone-"):
            return label or restored(sample.choices[0], sample.variant)
        return {"tie": "5", sample.variant[-1]: "9"}.get(label, "2")

    return rule


def anti_oracle(original):
    """The opposite: the other class, the mirrored score, the reversed order."""
    right = oracle(original)

    def rule(sample):
        label = right(sample)
        if sample.form == "ranking":
            return label[::-1]
        if sample.form == "score":
            return sample.choices[::-1][sample.choices.index(label)]
        tie = "B" if sample.variant == "swapped" else "A"  # the same candidate in both orders
        wrong = {"A": "B", "B": "A"}.get(label) or (tie if sample.form == "pairwise" else "")
        return wrong or next(name for name in sample.choices if name != label)

    return rule


def constant(sample):
    """Always the first choice; of a pair, the candidate shown first; of a ranking, the order shown."""
    return "".join(sample.letters) if sample.form == "ranking" else sample.choices[0]


def coin(seed):
    """A fair choice for every sample."""
    dice = random.Random(seed)
    return lambda sample: dice.choice(sample.choices)
