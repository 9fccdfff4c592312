"""Candidates of text and several images on their whole way: engines, training rows, reward."""

import csv
import itertools
import json

import openai_stub
import pytest
import tiny_vlm
from real_schema import drawing, multimodal_rewardbench_2

from mtrl_judge_plugin import Judge, images, prompts, variants
from mtrl_judge_plugin.benchmarks import custom
from mtrl_judge_plugin.benchmarks import multimodal_rewardbench_2 as benchmark
from mtrl_judge_plugin.benchmarks.prepared import read, to_sample
from mtrl_judge_plugin.commands.cli import main
from mtrl_judge_plugin.engines import Sampling
from mtrl_judge_plugin.engines.endpoint import EndpointEngine
from mtrl_judge_plugin.engines.hf import HFEngine
from mtrl_judge_plugin.harness.task import host_messages, plain_text
from mtrl_judge_plugin.training.reward.reward import reward
from mtrl_judge_plugin.verdict import format_reply

COLUMNS = "form=pairwise, question='Which answer is better?', label=better"
#: Of each row: the images of the question, of the first candidate, of the second.
PLACES = ((1, 2, 0), (0, 1, 3), (2, 1, 1))


@pytest.fixture
def samples(tmp_path, monkeypatch):
    """Interleaved answers, edits, and their other orders."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    multimodal_rewardbench_2.write(tmp_path)
    found = [sample for task in ("interleaved", "edit") for sample in list(benchmark.load("test", task, tmp_path))[:2]]
    return [twin for sample in found for twin in (sample, variants.swapped(sample))]


@pytest.fixture
def table(tmp_path, monkeypatch):
    """A user's table with such rows, and its pictures."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    names = iter(f"{number}.png" for number in range(99))
    rows = []
    for number, places in enumerate(PLACES * 4):
        found = [[next(names) for _ in range(many)] for many in places]
        for name in itertools.chain.from_iterable(found):
            (tmp_path / name).write_bytes(drawing.picture(name, "PNG"))
        question, first, second = (";".join(some) for some in found)
        rows.append(
            {"images": question, "response_a_images": first, "response_b_images": second, "text": f"Go {number}"}
            | {"response_a": "Like <image_1> so", "response_b": "See:", "better": "AB"[number % 2], "split": "train"}
        )
    with (tmp_path / "votes.csv").open("w", newline="") as lines:
        writer = csv.DictWriter(lines, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return tmp_path / "votes.csv"


def shown(sample):
    """A prompt's texts, and the digests of its images, in order."""
    items = prompts.messages(sample)[0]["content"]
    return [item.get("text") or images.digest(images.load(item["image"])) for item in items]


def test_transformers_answers_a_batch_of_them_as_each_alone(samples, tmp_path):
    engine = HFEngine(str(tiny_vlm.make(tmp_path / "judge")), dtype="float32", batch=4)
    asked = [prompts.messages(sample) for sample in samples]
    short = Sampling(max_new_tokens=8)
    together = dict(engine.generate(asked, short))
    assert all(together[place].text for place in range(len(asked)))
    assert [together[place].text for place in range(len(asked))] == [
        next(engine.generate([conversation], short))[1].text for conversation in asked
    ]


def test_an_endpoint_gets_texts_and_images_in_their_order(samples):
    with openai_stub.serve() as stub:
        stub.handler = openai_stub.reply(format_reply("They differ.", "A"))
        verdicts = list(Judge(EndpointEngine(stub.base_url, "stub")).judge(samples))
    assert [verdict.answer for verdict in verdicts] == ["A"] * len(samples)
    sent = [
        [
            item.get("text") or images.digest(images.load(item["image_url"]["url"]))
            for item in body["messages"][-1]["content"]
        ]
        for body in stub.bodies
    ]
    assert sorted(sent) == sorted(map(shown, samples))


def test_any_chat_model_of_the_host_gets_the_same_and_a_simple_one_numbers(samples):
    for sample in samples:
        items = host_messages(sample)[0]["content"]
        assert [item.get("text") or images.digest(item["url"]) for item in items] == shown(sample)
        numbered = plain_text(sample).splitlines()
        number = len(sample.all_images)
        assert (
            numbered[0]
            == f"The images stand in the text as [image 1] to [image {number}], and are given in this order."
        )
        assert [line for line in numbered if line.startswith("[image")] == [f"[image {n + 1}]" for n in range(number)]


def test_rows_of_training_show_what_the_samples_show_in_both_orders(table, tmp_path):
    out = tmp_path / "data"
    command = [
        "prepare",
        "custom",
        "--columns",
        f"table={table}, {COLUMNS}",
        "--out",
        str(out),
        "--swap",
        "--near",
        "-1",
    ]
    assert main(command) == 0
    rows = list(read(out, "train"))
    originals = {sample.id: sample for sample in custom.load("train", columns=f"table={table}, {COLUMNS}")}
    assert len(rows) == 2 * len(originals) == 24
    for row in rows:
        sample = to_sample(row)
        wanted = originals[sample.origin]
        wanted = variants.swapped(wanted) if sample.variant == "swapped" else wanted
        assert shown(sample) == shown(wanted)
        contents = [item for turn in row["messages"] for item in turn["content"]]
        pictures = iter(row["images"])
        assert [item.get("text") or images.digest(images.load(next(pictures))) for item in contents] == shown(wanted)
        assert json.loads(row["label"])["response_images"] == [len(some) for some in wanted.response_images]
        assert reward(format_reply("So.", wanted.label), row["label"]).accuracy == 1


def test_a_user_s_columns_say_which_images_are_whose(table):
    found = list(custom.load("train", columns=f"table={table}, {COLUMNS}"))[:3]
    for sample, places in zip(found, PLACES, strict=True):
        assert (len(sample.images), *map(len, sample.response_images)) == places
    (table.parent / "1.png").unlink()
    assert len(list(custom.load("train", columns=f"table={table}, {COLUMNS}"))) == 11
