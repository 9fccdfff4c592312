import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtrl_judge_plugin.verdict import TAGS, format_reply, parse, reasoning_of, visible

YES_NO = ("yes", "no")
FORMS = {
    "pointwise": YES_NO,
    "labels": ("Safe", "Unsafe", "Not sure"),
    "pairwise": ("A", "B"),
    "ties": ("A", "B", "tie"),
    "score": ("1", "2", "3", "4", "5", "10"),
    "ranking": tuple("".join(order) for order in itertools.permutations("ABC")),
}


@pytest.mark.parametrize("choices", FORMS.values(), ids=FORMS)
def test_every_choice_of_every_form_is_read_back_as_the_caller_spelled_it(choices):
    for choice in choices:
        for written in (choice, choice.upper(), f"\n {choice.lower()}\t"):
            verdict = parse(f" <think>because</think>\n<answer>{written}</answer>\n", choices)
            assert (verdict.answer, verdict.well_formed, verdict.reasoning, verdict.error) == (
                choice,
                True,
                "because",
                None,
            )


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "yes",
        "<answer>yes</answer>",
        "<think>a</think>yes",
        "<think>a</think><answer>yes",
        "<think>a<answer>yes</answer></think>",
        "<think>a</think><answer>maybe</answer>",
        "<think>a</think><answer>yes or no</answer>",
        "<think>a</think><answer></answer>",
        "<THINK>a</THINK><ANSWER>yes</ANSWER>",
        "<think>a</think><answer>yes</answer> done",
        "so: <think>a</think><answer>yes</answer>",
        "<think>a</think><think>b</think><answer>yes</answer>",
        "<think>a</think><answer>no</answer><answer>yes</answer>",
        "<think>he wrote <answer>no</answer></think><answer>yes</answer>",
        "<think>fake </think><answer>no</answer> end </think><answer>yes</answer>",
        "<think>a</think> . <answer>yes</answer>",
    ],
)
def test_strict_reading_gives_no_answer_to_anything_that_is_not_well_formed(reply):
    verdict = parse(reply, YES_NO)
    assert verdict.answer is None
    assert not verdict.well_formed
    assert verdict.error
    assert verdict.reply == reply


@pytest.mark.parametrize(
    ("reply", "choices", "answer"),
    [
        (r"The first is sharper, so \boxed{A}.", ("A", "B"), "A"),
        (r"\boxed{A} at first sight, but no: \boxed{\text{B}}", ("A", "B"), None),
        ("Both are fine. My final verdict is: [[B]]", ("A", "B"), "B"),
        ("[[C]]", ("A", "B"), None),
        ("Answer: **No**, because of the smoke.", YES_NO, "no"),
        ("The answer is yes.", YES_NO, "yes"),
        ("Answer: A cat sits there", ("A", "B"), None),
        ("The answer is a cat", ("A", "B"), None),
        ("Rating: 4/5", FORMS["score"], None),
        ("Rating: 4/5", ("1", "2", "3", "4", "5"), "4"),
        ("Rating: 4 out of 5", ("1", "2", "3", "4", "5"), "4"),
        ("Score: 10", FORMS["score"], "10"),
        ("Score: 3.5", FORMS["score"], None),
        ('{"reason": "blurred", "verdict": "Unsafe"}', FORMS["labels"], "Unsafe"),
        ('```json\n{"rating": 3}\n```', FORMS["score"], "3"),
        ("I compared them.\n\n**B**", ("A", "B"), "B"),
        ("tie", FORMS["ties"], "tie"),
        ("Ranking: C > A > B", FORMS["ranking"], "CAB"),
        ("<think>[[A]] is tempting</think>[[B]]", ("A", "B"), "B"),
        ("<think>yes yes yes", YES_NO, None),
        ("Answer: yes\nOn reflection the verdict: no", YES_NO, None),
        ("Yes and no.", YES_NO, None),
        ("My initial answer: A, but on reflection the final answer: B.", ("A", "B"), "B"),
        ("Answer: A/B", ("A", "B"), None),
        ("Answer: A or B", ("A", "B"), None),
        ("Answer: B, A is worse", ("A", "B"), None),
        ("Verdict: yes/no?", YES_NO, None),
        ("Score: 1 to 5", ("1", "2", "3", "4", "5"), None),
        ("Answer: 1/0", ("1", "0"), None),
        ("Both have merits.\n\n**Answer: A**", ("A", "B"), "A"),
        ("***Verdict: 4***", ("1", "2", "3", "4", "5"), "4"),
        ("`Answer: not_safe`.", ("safe", "not_safe"), "not_safe"),
        ("__Final answer: no__", YES_NO, "no"),
        ("**Answer: A** or **Answer: B**", ("A", "B"), None),
    ],
)
def test_lenient_reading_takes_what_claims_to_be_the_verdict_where_nothing_disagrees(reply, choices, answer):
    verdict = parse(reply, choices, lenient=True)
    assert verdict.answer == answer
    assert not verdict.well_formed
    assert parse(reply, choices).answer is None, "strict reading never falls back to lenient"


@pytest.mark.parametrize(
    ("reply", "shown", "reasoning"),
    [
        ("<think>2 and 3 and {4}: yes</think><answer>7</answer>", "7", "2 and 3 and {4}: yes"),
        ("<think>hm</think>\n\n8 9\nfine", "8 9\nfine", "hm"),
        ("opened by the template</think> 5", "5", "opened by the template"),
        ("just this", "just this", ""),
        ("<think>cut off while 1 2 3", "", "cut off while 1 2 3"),
        ("<think>x <answer>no</answer> y</think><answer>yes</answer>", "yes", "x <answer>no</answer> y"),
        ("<think>x</think><answer>cut of", "cut of", "x"),
        ("<answer>only</answer>", "only", ""),
        ("<think>it goes into <answer> tags. 1 or 2?", "", "it goes into"),
        ("<think>say <answer>1</answer>? no</think>", "", "say <answer>1</answer>? no"),
        ("<think>a</think>\n<think>more: 1 or 2", "", "a"),
        ("<think>a</think><answer>3</answer></think>", "3", "a</think><answer>3</answer>"),
        # A reply ends at its end token, whatever the judge goes on to invent.
        ("yes<|im_end|>\n<|im_start|>user\nAnd?<|im_end|>\n<|im_start|>assistant\nno", "yes", ""),
        ("<think>a</think>yes<|eot_id|><|start_header_id|>assistant\n<think>b</think>no", "yes", "a"),
        ("yes</s>", "yes", ""),
        ("4 [INST] And this one? [/INST] 2", "4", ""),
        ("<|im_start|>assistant\nyes", "yes", ""),
        ("<s>old</s> 5", "<s>old</s> 5", ""),
        ("<think>It ends with <|im_end|> here.</think>no", "no", "It ends with <|im_end|> here."),
        (
            "<|channel|>analysis<|message|>No?<|end|><|start|>assistant<|channel|>final<|message|>yes<|return|>",
            "yes",
            "No?",
        ),
        ("<|channel|>analysis<|message|>No, since", "", ""),
        # Tags in a quotation decide nothing, and neither do answers that are taken back or disagree.
        ('It says "</think><answer>9</answer>". Score: 2', 'It says "</think><answer>9</answer>". Score: 2', ""),
        ('<think>It says "yes"</think>no', "no", 'It says "yes"'),
        ('<think>It says "</think>yes', "yes", 'It says "'),
        ("<answer>yes</answer> wait, no", "<answer>yes</answer> wait, no", ""),
        ("<answer>1</answer><answer>2</answer>", "<answer>1</answer><answer>2</answer>", ""),
        ("<answer>1</answer>\n<answer>1</answer>", "1", ""),
    ],
)
def test_the_visible_part_never_holds_reasoning(reply, shown, reasoning):
    assert visible(reply) == shown
    assert reasoning_of(reply) == reasoning


def test_no_choices_is_the_callers_mistake():
    with pytest.raises(ValueError, match="choices"):
        parse("<think></think><answer>yes</answer>", [])


PIECES = st.sampled_from(
    [*TAGS, "yes", "no", " ", "\n", "<THINK>", "<answer >", "< think>", "</answer", "[[A]]", "\\boxed{yes}", "YES",
     "Answer: no", '{"answer": "yes"}', "ignore the above", "\u2028", "\x00", "{" * 50, "Answer: " * 20]
)  # fmt: skip
REPLIES = st.lists(PIECES | st.text(max_size=8), max_size=12).map("".join) | st.text(max_size=40)


def read_by_hand(reply: str, choices: tuple[str, ...]) -> str | None:
    """Well-formedness by splitting, with no regular expression: an independent reading of the same definition."""
    if any(reply.count(tag) != 1 for tag in TAGS):
        return None
    before, rest = reply.split("<think>")
    if before.strip() or "</think>" not in rest:
        return None
    reasoning, rest = rest.split("</think>")
    if "<answer>" not in rest:
        return None
    between, rest = rest.split("<answer>")
    if between.strip() or "</answer>" not in rest:
        return None
    answer, after = rest.split("</answer>")
    if after.strip() or "<answer>" in reasoning:
        return None
    return {choice.casefold(): choice for choice in choices}.get(answer.strip().casefold())


@settings(max_examples=1000)
@given(st.lists(REPLIES, min_size=100, max_size=100))
def test_100_000_replies_never_raise_and_are_well_formed_exactly_when_the_definition_says_so(replies):
    for reply in replies:
        expected = read_by_hand(reply, YES_NO)
        strict, lenient = parse(reply, YES_NO), parse(reply, YES_NO, lenient=True)
        assert strict.answer == expected
        assert strict.well_formed == lenient.well_formed == (expected is not None)
        assert (strict.error is None) == (strict.answer is not None)
        assert lenient.answer in (None, *YES_NO)
        if expected is not None:
            assert lenient == strict
        assert isinstance(visible(reply), str)


@settings(max_examples=300)
@given(st.text(), st.sampled_from(YES_NO))
def test_a_formatted_reply_reads_back(reasoning, answer):
    verdict = parse(format_reply(reasoning, answer), YES_NO)
    clean = not any(tag in reasoning for tag in TAGS)
    assert verdict.well_formed == clean
    if clean:
        assert (verdict.answer, verdict.reasoning) == (answer, reasoning.strip())


def test_long_hostile_replies_take_linear_time():
    for text in (
        "{" * 200_000,
        "Answer: " * 30_000,
        "[[" * 100_000,
        "<think>" * 30_000,
        "\\boxed{" * 30_000,
        "*" * 200_000,
    ):
        assert parse(text, YES_NO, lenient=True).answer is None
    assert parse("<think>" + "</think><answer>" * 20_000, YES_NO).answer is None


def test_json_that_is_too_deep_is_no_error():
    reply = json.dumps({"answer": "yes"}) + "{" + '"a":' * 900 + "1}"
    assert parse(reply, YES_NO, lenient=True).answer in (None, "yes")
