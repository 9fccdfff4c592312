"""Models that are not ours on our judging tasks: the host's own classes, from its command line."""

import os
import re
import subprocess
import sys

import openai_stub
import pytest
import real_schema

from mtrl_judge_plugin import images, tiny
from mtrl_judge_plugin.benchmarks import mjbench, unsafebench
from mtrl_judge_plugin.harness.task import host_messages, plain_text
from mtrl_judge_plugin.reporting.analyses import read
from mtrl_judge_plugin.sample import Sample
from mtrl_judge_plugin.variants import expand

PAIRS, SCORES, LABELS = "mtrl_judge_mjbench_safety", "mtrl_judge_mllm_as_a_judge_score", "mtrl_judge_unsafebench"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return real_schema.write_all(tmp_path_factory.mktemp("data"))


def judged(data, out, model, arguments, tasks, *options):
    """Task -> analysis of a run of the host's command line."""
    environment = {
        **os.environ,
        "MTRL_JUDGE_DATA": str(data),
        "XDG_CACHE_HOME": str(data / "cache"),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "lmms_eval", "--model", model, "--model_args", arguments, "--tasks", tasks]
    done = subprocess.run(
        [*command, *options, "--output_path", str(out)], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return read(out)


def test_the_hosts_qwen3_vl_is_scored_by_the_same_tasks(data, tmp_path):
    # Its own system message is unknown to the embedded checkpoint, which keeps its wits in these two tasks only.
    pairs, scores = "mtrl_judge_embedded_pairwise", "mtrl_judge_embedded_photo_score"
    arguments = f"pretrained={tiny.JUDGE},device_map=cpu,device=cpu,min_pixels=1024"
    options = ("--batch_size", "8", "--limit", "24")
    found = judged(data, tmp_path, "qwen3_vl", arguments, f"{pairs},{scores},{LABELS}", *options)
    assert found[pairs]["metrics"]["coverage"]["value"] == found[scores]["metrics"]["coverage"]["value"] == 1.0
    assert found[pairs]["metrics"]["swap_consistency"]["low"] > 0.5
    assert found[scores]["metrics"]["pearson"]["low"] > 0.5
    assert found[LABELS]["model"] == "qwen3_vl"


def first_choice(body):
    """A chat model that was never told of our format: it talks, and then names the first choice."""
    text = next(item["text"] for item in reversed(body["messages"][-1]["content"]) if item["type"] == "text")
    choice = re.search(r"Verdict: (?:one of|the letters) (.+?)[,. ]", text)[1]
    return openai_stub.completion(f"Both have merits; 1 of 2 is better.\n\n**Answer: {choice}**")


def test_the_hosts_openai_model_is_read_leniently_in_every_form(data, tmp_path):
    with openai_stub.serve() as server:
        server.handler = first_choice
        found = judged(
            data,
            tmp_path,
            "openai",
            f"model=any,base_url={server.base_url},api_key=none",
            ",".join([PAIRS, SCORES, LABELS]),
        )
    assert all(analysis["metrics"]["coverage"]["value"] == 1.0 for analysis in found.values())
    assert found[PAIRS]["metrics"]["position_bias"]["value"] == 1.0
    assert found[PAIRS]["metrics"]["swap_consistency"]["value"] == 0.0
    assert set(found[SCORES]["answers"]["score"]) == {"1"}
    assert found[LABELS]["metrics"]["cohen_kappa"]["value"] == 0.0
    assert found[LABELS]["metrics"]["well_formed"]["value"] == 0.0
    images = [item for item in server.bodies[0]["messages"][-1]["content"] if item["type"] == "image_url"]
    assert images[0]["image_url"]["url"].startswith("data:image/")


def test_a_simple_model_of_the_host_gets_the_text_and_then_the_images_in_their_order(data, tmp_path, monkeypatch):
    tasks = [PAIRS, SCORES, LABELS, "mtrl_judge_mllm_as_a_judge_batch"]
    with openai_stub.serve() as server:
        server.handler = first_choice
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        found = judged(data, tmp_path, "gpt4v", "model_version=any", ",".join(tasks), "--force_simple")
    assert set(found) == set(tasks)
    assert all(found[task]["metrics"]["coverage"]["value"] == 1.0 for task in (PAIRS, SCORES, LABELS))
    shown = {}
    for body in server.bodies:
        (message,) = body["messages"]
        text, *pictures = message["content"]
        assert (text["type"], {picture["type"] for picture in pictures}) == ("text", {"image_url"})
        shown[text["text"]] = [digest(picture["image_url"]["url"]) for picture in pictures]
    wanted = {}
    for task, benchmark in ((PAIRS, mjbench), (LABELS, unsafebench)):
        name = task.rpartition("_")[2]
        for sample in expand(list(benchmark.load("test", name, data / benchmark.SOURCE.name)), ["orders"]):
            wanted[plain_text(sample)] = [images.digest(images.load(image)) for image in sample.all_images]
    assert {text: shown[text] for text in wanted} == wanted
    assert any(text.startswith("The images are, in this order: Image A, Image B.\n") for text in shown)


def digest(url):
    return images.digest(images.load(url))


def test_the_hosts_simple_qwen3_vl_runs_on_our_checkpoint(data, tmp_path):
    arguments = f"pretrained={tiny.JUDGE},device_map=cpu,device=cpu,min_pixels=1024"
    tasks = ["mtrl_judge_embedded_pairwise", "mtrl_judge_embedded_photo_score", PAIRS, LABELS]
    found = judged(data, tmp_path, "qwen3_vl", arguments, ",".join(tasks), "--force_simple", "--limit", "8")
    assert set(found) == set(tasks)


def test_a_model_that_answers_nothing_is_unscored_not_wrong(data, tmp_path):
    with openai_stub.serve() as server:
        server.handler = openai_stub.reply("I cannot help with that.")
        found = judged(data, tmp_path, "openai", f"model=any,base_url={server.base_url},api_key=none", PAIRS)
    metrics = found[PAIRS]["metrics"]
    assert metrics["coverage"]["value"] == 0.0
    assert metrics["accuracy"]["value"] is None
    assert metrics["accuracy_unscored_wrong"]["value"] == 0.0


def test_repeats_are_judged_as_often_and_agree_or_not(data, tmp_path):
    greedy = judged(data, tmp_path / "greedy", "mtrl_judge", "ledger=none", PAIRS, "--repeats", "3")[PAIRS]
    assert {len(judgment["answers"]) for judgment in greedy["judgments"]} == {3}
    assert greedy["metrics"]["repeat_consistency"]["value"] == 1.0
    options = ("--repeats", "3", "--gen_kwargs", "temperature=1.5")
    hot = judged(data, tmp_path / "hot", "mtrl_judge", "ledger=none", PAIRS, *options)[PAIRS]
    assert hot["metrics"]["repeat_consistency"]["value"] < 1.0


def test_direct_verdicts_and_votes_bring_probabilities_into_the_analysis(data, tmp_path):
    for arguments in ("verdict=direct", "votes=5"):
        found = judged(data, tmp_path / arguments, "mtrl_judge", f"ledger=none,{arguments}", LABELS)[LABELS]
        assert {"roc_auc", "ece", "brier", "aurc"} <= set(found["metrics"])
        shares = [judgment["probabilities"] for judgment in found["judgments"] if judgment["answer"]]
        assert all(sum(share.values()) == pytest.approx(1.0) for share in shares)
        assert found["reliability"]["pointwise"]


def test_an_instruction_for_other_models_is_a_value_of_the_yaml():
    sample = Sample("1", "t", "pointwise", "Is it red?", choices=("yes", "no"))
    (message,) = host_messages(sample, "End with 'Answer: X'.")
    assert message["content"][-1]["text"].endswith("Verdict: one of yes, no.\nEnd with 'Answer: X'.")
