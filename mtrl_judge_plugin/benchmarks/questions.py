"""What a judge is asked, in three wordings each: the first is used, all three by the paraphrase consistency.

No wording is the paper's: its prompt texts are not public.
"""

from __future__ import annotations

QUESTIONS: dict[str, tuple[str, str, str]] = {
    "alignment": (
        "Does the image match the text?",
        "Is everything that the text says shown in the image?",
        "Decide whether the text describes the image correctly.",
    ),
}


def wordings(question: str) -> tuple[str, ...]:
    """The wordings of a question that is one of them, itself first; of any other, the question alone."""
    for texts in QUESTIONS.values():
        if question in texts:
            return (question, *(text for text in texts if text != question))
    return (question,)
