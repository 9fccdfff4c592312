"""Supervised fine-tuning, on an untrained model of a million parameters and a handful of rows."""

import io

import pytest
import torch
from PIL import Image

from mtrl_judge_plugin.benchmarks import embedded
from mtrl_judge_plugin.sample import Sample
from mtrl_judge_plugin.tiny.make_judge import make_judge
from mtrl_judge_plugin.training import sft
from mtrl_judge_plugin.training.optimizers import MuonWithAdamW, orthogonalize


@pytest.fixture(scope="module")
def rows():
    return [row for task in embedded.TASKS for row in embedded.load_with_reasoning("validation", task)[:4]]


@pytest.fixture(scope="module")
def untrained(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("untrained")
    make_judge(folder, rows)
    return folder


def options(model, out, *more):
    return sft.parse(["--model", str(model), "--data", "embedded", "--out", str(out), "--lr", "1e-3", *more])


def weights(folder):
    from transformers import AutoModelForImageTextToText

    return AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).state_dict()


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_two_steps_change_the_weights_and_save_a_loadable_folder(untrained, rows, tmp_path, optimizer):
    from transformers import AutoProcessor

    sft.train(rows, options(untrained, tmp_path, "--max-steps", "2", "--batch-size", "4", "--optimizer", optimizer))
    before, after = weights(untrained), weights(tmp_path)
    assert all(not torch.equal(before[name], after[name]) for name in before if "proj" in name and "weight" in name)
    assert AutoProcessor.from_pretrained(tmp_path).image_processor is not None


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_resumed_run_ends_where_an_uninterrupted_one_does(untrained, rows, tmp_path, optimizer, monkeypatch):
    more = ("--max-steps", "4", "--batch-size", "4", "--micro-batch-size", "2", "--save-steps", "2")
    more = (*more, "--optimizer", optimizer, "--resume")
    sft.train(rows, options(untrained, tmp_path / "whole", *more))

    class Killed(Exception):
        pass

    def kill(trainer, *args, **kwargs):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(sft.SFTTrainer, "log", kill)  # the first log comes at the end: after the checkpoint of step 2
        with pytest.raises(Killed):
            sft.train(rows, options(untrained, tmp_path / "killed", *more))
    checkpoint = sft.get_last_checkpoint(tmp_path / "killed")
    assert checkpoint is not None
    sft.train(rows, options(untrained, tmp_path / "killed", *more))
    whole, resumed = weights(tmp_path / "whole"), weights(tmp_path / "killed")
    for name, weight in whole.items():
        torch.testing.assert_close(resumed[name], weight, atol=1e-5, rtol=1e-4)


def test_rows_hold_the_judges_prompt_and_a_well_formed_reply():
    image = Image.new("RGB", (8, 8))
    sample = Sample("1", "t", "pairwise", "Which?", images=(image, image), label="B")
    row = sft.to_row(sample, "A: red. B: blue.")
    assert [item["type"] for item in row["prompt"][0]["content"]] == ["text", "image", "text", "image", "text"]
    assert row["completion"][0]["content"][0]["text"] == "<think>A: red. B: blue.</think><answer>B</answer>"
    assert Image.open(io.BytesIO(row["images"][1]["bytes"])).size == (8, 8)
    with pytest.raises(ValueError, match="'2' has no label"):
        sft.to_row(Sample("2", "t", "pairwise", "Which?", images=(image, image)), "")


def test_a_run_sees_every_row_once_an_epoch_and_batches_stand_by_length(rows):
    dataset = sft.to_dataset(rows, steps=2 * len(rows) // 4, batch_size=4, answer_only_share=0.5, seed=0)
    replies = [row["completion"][0]["content"][0]["text"] for row in dataset]
    assert len(replies) == 2 * len(rows)
    assert 0.3 < sum("<think></think>" in reply for reply in replies) / len(replies) < 0.7
    counts = [len(row["images"]) for row in dataset]
    assert all(counts[at : at + 4] == sorted(counts[at : at + 4]) for at in range(0, len(counts), 4))


def test_muon_makes_updates_orthogonal_and_leaves_embeddings_to_adamw():
    update = orthogonalize(torch.randn(6, 16, generator=torch.manual_seed(0)))
    assert torch.linalg.svdvals(update).sub(1).abs().max() < 0.4
    model = torch.nn.Sequential(torch.nn.Embedding(5, 4), torch.nn.Linear(4, 3))
    muon, adamw = MuonWithAdamW(model, lr=0.1).parts
    assert [group["params"] for group in muon.param_groups] == [[model[1].weight]]
    assert len(adamw.param_groups[0]["params"]) == 2
