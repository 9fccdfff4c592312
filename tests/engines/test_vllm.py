"""Real vLLM on a tiny random model. Run by `pytest -m vllm` in the environment that rl_cpu/setup.sh makes."""

import json
import os
import re
from dataclasses import replace

import pytest
import tiny_vlm
import torch
from PIL import Image
from vllm_server import serving

from mtrl_judge_plugin import Judge, Sample, images, prompts, tiny
from mtrl_judge_plugin.benchmarks import embedded
from mtrl_judge_plugin.engines import EngineError, Sampling
from mtrl_judge_plugin.engines import vllm as vllm_engine
from mtrl_judge_plugin.engines.endpoint import EndpointEngine
from mtrl_judge_plugin.engines.hf import HFEngine
from mtrl_judge_plugin.engines.vllm import VLLMEngine
from mtrl_judge_plugin.variants import swapped

pytestmark = pytest.mark.vllm
SUFFIX = "</answer>"
CHOICES = ("yes", "not at all sure", "no")
SHORT = Sampling(max_new_tokens=8)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
    return str(tiny_vlm.make(tmp_path_factory.mktemp("checkpoint")))


@pytest.fixture(scope="module")
def engine(checkpoint):
    return VLLMEngine(checkpoint, dtype="float32", enforce_eager=True, max_images=3)


@pytest.fixture(scope="module")
def reference(checkpoint):
    return HFEngine(checkpoint, dtype="float32", batch=4)


@pytest.fixture(scope="module")
def server(checkpoint, tmp_path_factory):
    """Address of vLLM's own server; (base_url, model)."""
    with serving(checkpoint, tmp_path_factory.mktemp("server") / "log") as base_url:
        yield base_url, "tiny"


def picture(seed, size=(64, 64)):
    generator = torch.Generator().manual_seed(seed)
    return Image.fromarray(torch.randint(0, 255, (size[1], size[0], 3), generator=generator, dtype=torch.uint8).numpy())


def conversations(count=7):
    """Prompts of unlike lengths, with none, one and two images of unlike sizes."""
    return [
        prompts.messages(
            Sample(
                id=str(number),
                task="t",
                form="pointwise",
                question="Is it " + "really " * number + "so?",
                images=[picture(number + k, (64 + 32 * k, 64)) for k in range(number % 3)],
                choices=("yes", "no"),
            )
        )
        for number in range(count)
    ]


def continued(conversation, text):
    return [*conversation, {"role": "assistant", "content": [{"type": "text", "text": text}]}]


def in_order(results):
    return [result for _, result in sorted(results, key=lambda item: item[0])]


@pytest.mark.parametrize(
    ("grammar", "fits"),
    [
        ({"regex": "Rating: [1-5]"}, lambda text: re.fullmatch("Rating: [1-5]", text)),
        (
            {"json": {"type": "object", "properties": {"ok": {"enum": ["yes", "no"]}}, "required": ["ok"]}},
            lambda text: json.loads(text)["ok"] in ("yes", "no"),
        ),
    ],
)
def test_replies_under_a_grammar_fit_it(engine, grammar, fits):
    asked = continued(conversations(1)[0], "<think>Hm.</think><answer>")
    sampling = Sampling(max_new_tokens=64, temperature=1.0, grammar=json.dumps(grammar))
    for seed in range(3):
        (result,) = in_order(engine.generate([asked], replace(sampling, seed=seed)))
        assert result.error is None
        if result.finished:  # a random model may write white space without end where the grammar allows it
            assert fits(result.text)


def test_a_grammar_that_vllm_does_not_know_is_an_error_of_that_question(engine):
    asked = continued(conversations(1)[0], "<think>Hm.</think><answer>")
    (result,) = in_order(
        engine.generate([asked], Sampling(max_new_tokens=8, grammar=json.dumps({"regex": "(?<=a)b("})))
    )
    assert result.error


def samples(*pictures, choices=CHOICES):
    return [
        Sample(id=str(number), task="t", form="pointwise", question="Is it so?", images=[image], choices=choices)
        for number, image in enumerate(pictures)
    ]


def test_a_batch_says_what_each_prompt_says_alone(engine):
    together = in_order(engine.generate(conversations(), SHORT))
    alone = [next(engine.generate([conversation], SHORT))[1] for conversation in conversations()]
    assert together == alone
    assert len({completion.text for completion in together}) > 3
    assert all(completion.completion_tokens == 8 and not completion.finished for completion in together)


def illustrated(number):
    """A pair whose candidates hold text and images, and its question a source image."""
    return Sample(
        id=str(number),
        task="t",
        form="pairwise",
        question="Which answer is better?",
        images=[picture(number)],
        text="Draw <image_1> anew.",
        responses=("First <image_1> then so.", "No picture."),
        response_images=([picture(number + 10), picture(number + 20, (96, 64))], []),
    )


def test_candidates_with_several_images_say_what_transformers_says(engine, reference):
    asked = [
        prompts.messages(twin) for number in range(2) for twin in (illustrated(number), swapped(illustrated(number)))
    ]
    ours, theirs = (in_order(either.generate(asked, SHORT)) for either in (engine, reference))
    assert [one.prompt_tokens for one in ours] == [one.prompt_tokens for one in theirs]
    assert [one.text.replace("\ufffd", "") for one in ours] == [one.text.replace("\ufffd", "") for one in theirs]


def test_it_says_what_transformers_says(engine, reference):
    ours, theirs = (in_order(either.generate(conversations(), SHORT)) for either in (engine, reference))
    for mine, other in zip(ours, theirs, strict=True):
        # Random bytes are not always text, and the two show an unfinished character in different ways.
        assert mine.text.replace("\ufffd", "") == other.text.replace("\ufffd", "")
        assert (mine.finished, mine.prompt_tokens) == (other.finished, other.prompt_tokens)


def test_scores_are_those_of_transformers(engine, reference):
    asked = [continued(conversation, "<think></think><answer>") for conversation in conversations()]
    ours = in_order(engine.score(asked, [CHOICES] * len(asked), SUFFIX))
    theirs = in_order(reference.score(asked, [CHOICES] * len(asked), SUFFIX))
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.error is None
        assert dict(mine.logprobs) == pytest.approx(dict(other.logprobs), abs=1e-3)
        assert mine.prompt_tokens == other.prompt_tokens


def test_scores_are_the_whole_choices_log_probabilities(engine, reference):
    image = picture(1)
    content = [{"type": "image", "image": image}, {"type": "text", "text": "Is it so?"}]
    ours = next(engine.score([[{"role": "user", "content": content}]], [CHOICES], SUFFIX))[1].logprobs
    turns = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Is it so?"}]}]
    text = reference.processor.apply_chat_template(turns, add_generation_prompt=True)
    for choice in CHOICES:
        inputs = reference.processor(text=[text + choice + SUFFIX], images=[image], return_tensors="pt")
        ids = inputs["input_ids"][0]
        with torch.no_grad():
            logprobs = reference.model(**inputs).logits[0].log_softmax(-1)
        start = len(ids) - len(choice + SUFFIX)  # a byte is a token
        expected = sum(logprobs[place - 1, ids[place]].item() for place in range(start, len(ids)))
        assert ours[choice] == pytest.approx(expected, abs=1e-3)


def test_the_images_are_seen_and_their_order_matters(engine):
    pairs = [(picture(1), picture(2)), (picture(2), picture(1)), (picture(1), picture(1))]
    asked = [
        prompts.messages(Sample(id="1", task="t", form="pairwise", question="Which?", images=pair)) for pair in pairs
    ]
    scores = [scores.logprobs["A"] for scores in in_order(engine.score(asked, [("A", "B")] * 3, SUFFIX))]
    assert all(abs(a - b) > 1e-3 for a, b in [scores[:2], scores[1:], scores[::2]])


def test_direct_verdicts_have_probabilities(engine):
    judge = Judge(engine, verdict="direct")
    together = judge.judge(samples(*map(picture, range(5))))
    for verdict in together:
        assert sum(verdict.probabilities.values()) == pytest.approx(1)
        assert verdict.answer == max(verdict.probabilities, key=verdict.probabilities.get)
    assert len({verdict.probabilities["no"] for verdict in together}) == 5
    assert judge.judge(samples(picture(0)))[0].probabilities == pytest.approx(together[0].probabilities, abs=1e-4)


def test_what_cannot_be_judged_does_not_end_the_others(engine, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(images.encoded(picture(0))[:60])
    too_long = [{"role": "user", "content": "x" * (tiny_vlm.MAX_LENGTH + 1)}]
    many = [{"role": "user", "content": [{"type": "image", "image": picture(0)}] * 4}]
    broken = [{"role": "user", "content": [{"type": "image", "image": bad}]}]
    good = conversations()
    asked = [good[0], broken, good[1], too_long, good[2], many, good[3]]
    for results in (
        in_order(engine.generate(asked, SHORT)),
        in_order(engine.score(asked, [CHOICES] * len(asked), SUFFIX)),
    ):
        errors = [result.error for result in results]
        assert "bad.png" in errors[1]
        assert "maximum context length" in errors[3]
        assert "raise max_images=3" in errors[5]
        assert errors[::2] == [None] * 4
    assert in_order(engine.generate(asked, SHORT))[::2] == in_order(engine.generate(good[:4], SHORT))


def test_a_chunk_is_handed_out_before_the_next_is_begun(engine, monkeypatch):
    monkeypatch.setattr(vllm_engine, "_CHUNK", 2)
    sizes = []
    generate = engine._llm.generate

    def counted(prompts, *arguments, **options):
        sizes.append(len(prompts))
        return generate(prompts, *arguments, **options)

    monkeypatch.setattr(engine._llm, "generate", counted)
    results = engine.generate(conversations(5), SHORT)
    assert [next(results)[0], next(results)[0], sizes] == [0, 1, [2]]
    assert [[number for number, _ in results], sizes] == [[2, 3, 4], [2, 2, 1]]


def test_the_assistants_last_message_is_continued_as_it_stands(engine):
    conversation = conversations()[1]
    text = "<think>So long </think> <answer>"
    start, longer = in_order(engine.generate([conversation, continued(conversation, text)], SHORT))
    assert longer.prompt_tokens == start.prompt_tokens + len(text)  # a byte is a token
    assert longer.text != start.text


def test_logprobs_are_those_of_transformers(engine, reference):
    asked = replace(SHORT, logprobs=True)
    ours, theirs = (in_order(either.generate(conversations(), asked)) for either in (engine, reference))
    compared = 0
    for mine, other in zip(ours, theirs, strict=True):
        assert "".join(text for text, _ in mine.logprobs) == mine.text
        for (text, logprob), (same, expected) in zip(mine.logprobs, other.logprobs, strict=False):
            if text != same:  # an unfinished character at the end, which the two show in different ways
                break
            assert logprob == pytest.approx(expected, abs=1e-2)
            compared += 1
    assert compared > len(ours) * 4
    assert all(completion.logprobs is None for completion in in_order(engine.generate(conversations(2), SHORT)))


def test_a_prompts_prefix_is_computed_once(engine):
    assert engine._llm.llm_engine.vllm_config.cache_config.enable_prefix_caching
    prompt = {"prompt": "The same long beginning. " * 40}
    parameters = engine._vllm.SamplingParams(temperature=0, max_tokens=1)
    cached = [engine._llm.generate([prompt], parameters, use_tqdm=False)[0].num_cached_tokens for _ in range(2)]
    assert cached[0] == 0
    assert cached[1] > 800


def test_sampled_replies_differ_by_draw_and_come_again_with_the_seed(engine):
    def draw(seed):
        sampling = Sampling(max_new_tokens=8, temperature=1.0, seed=seed)
        return [completion.text for completion in in_order(engine.generate(conversations(1) * 4, sampling))]

    assert len(set(draw(1))) == 4
    assert draw(1) == draw(1)
    assert draw(1) != draw(9)


def test_stop_strings_end_a_reply_and_are_no_part_of_it(engine):
    reply = next(engine.generate(conversations(1), SHORT))[1].text
    word = reply[3]
    stopped = next(engine.generate(conversations(1), Sampling(max_new_tokens=8, stop=(word,))))[1]
    assert (stopped.text, stopped.finished) == (reply[: reply.index(word)], True)


def test_truncate_counts_tokens(engine):
    assert engine.truncate("hello world", 5) == "hello"
    assert engine.truncate("hello", 9) == "hello"


def test_identity_is_json_and_says_what_changes_replies(engine, checkpoint):
    identity = json.loads(json.dumps(engine.identity))
    assert (identity["engine"], identity["model"], identity["dtype"]) == ("vllm", checkpoint, "float32")
    assert len(identity["digest"]) == 64


def test_a_model_that_is_none_is_named(tmp_path):
    with pytest.raises(EngineError, match=r"pretrained=.*nothing"):
        VLLMEngine(str(tmp_path / "nothing"))


# Engine `endpoint` on vLLM's own server


@pytest.fixture(scope="module")
def endpoint(server):
    base_url, model = server
    return EndpointEngine(base_url, model, concurrency=4)


def test_a_server_says_what_the_model_says_in_process(endpoint, engine):
    assert in_order(endpoint.generate(conversations(), SHORT)) == in_order(engine.generate(conversations(), SHORT))


def test_a_servers_scores_are_those_of_the_model_in_process(endpoint, engine):
    asked = [continued(conversation, "<think></think><answer>") for conversation in conversations()]
    theirs = in_order(endpoint.score(asked, [CHOICES] * len(asked), SUFFIX))
    ours = in_order(engine.score(asked, [CHOICES] * len(asked), SUFFIX))
    for mine, other in zip(ours, theirs, strict=True):
        assert other.error is None
        assert dict(mine.logprobs) == pytest.approx(dict(other.logprobs), abs=1e-3)
        assert mine.prompt_tokens == other.prompt_tokens


def test_direct_verdicts_by_a_server(endpoint):
    verdict = Judge(endpoint, verdict="direct").judge(samples(picture(1)))[0]
    assert sum(verdict.probabilities.values()) == pytest.approx(1)


def test_a_prompt_too_long_for_the_server_fails_alone(endpoint):
    asked = [conversations()[1], [{"role": "user", "content": "x" * 3000}], conversations()[2]]
    errors = [completion.error for completion in in_order(endpoint.generate(asked, SHORT))]
    assert (errors[0], errors[2]) == (None, None)
    assert errors[1].startswith("HTTP 400: ")
    assert "maximum context length" in errors[1]


def test_a_servers_logprobs_are_those_of_transformers(tmp_path):
    asked = [
        prompts.messages(sample) for task in embedded.BENCHMARK.tasks for sample in embedded.load("test", task)[:3]
    ]
    sampling = Sampling(max_new_tokens=192, logprobs=True)
    here = in_order(HFEngine(str(tiny.JUDGE), dtype="float32").generate(asked, sampling))
    with serving(str(tiny.JUDGE), tmp_path / "log") as base_url:
        there = in_order(EndpointEngine(base_url, "tiny").generate(asked, sampling))
    for mine, other in zip(here, there, strict=True):
        assert other.text == mine.text
        assert "".join(text for text, _ in other.logprobs) == other.text
        ours, theirs = ([logprob for _, logprob in one.logprobs] for one in (mine, other))
        assert theirs == pytest.approx(ours, abs=1e-2)


def test_the_embedded_benchmark_has_the_same_verdicts_behind_a_server(tmp_path, capsys):
    """Greedy, float32, 60 samples a task. Differences are ties of two tokens that sums in another order break."""
    asked = [sample for task in embedded.BENCHMARK.tasks for sample in embedded.load("test", task)[:60]]
    sampling = Sampling(max_new_tokens=192)
    here = Judge(HFEngine(str(tiny.JUDGE), dtype="float32"), sampling=sampling).judge(asked)
    with serving(str(tiny.JUDGE), tmp_path / "log") as base_url:
        there = Judge(EndpointEngine(base_url, "tiny", concurrency=64), sampling=sampling).judge(asked)
    answers = [one.answer == other.answer for one, other in zip(here, there, strict=True)]
    replies = [one.reply == other.reply for one, other in zip(here, there, strict=True)]
    with capsys.disabled():
        print(
            f"\nhf and vLLM behind engine=endpoint, {len(asked)} samples: {answers.count(False)} verdicts differ, "
            f"{replies.count(False)} replies differ"
        )
    assert all(verdict.answer is not None for verdict in there)
    assert sum(answers) >= 0.99 * len(asked)
