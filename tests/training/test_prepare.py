"""`mtrl-judge prepare` on the embedded benchmark and on one from outside, as a user runs it."""

import hashlib
import io
import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from own_benchmark import generated
from PIL import Image

from mtrl_judge_plugin import images
from mtrl_judge_plugin.benchmarks.prepared import read
from mtrl_judge_plugin.commands.cli import main
from mtrl_judge_plugin.prompts import messages
from mtrl_judge_plugin.tiny import JUDGE
from mtrl_judge_plugin.training.prepare import budget, workbench

OWN = "own_benchmark.generated"
TASKS = generated.BENCHMARK.tasks


def prepare(out, *arguments, name=OWN):
    return main(["prepare", name, "--out", str(out), *arguments])


def manifest(out):
    return json.loads((out / "manifest.json").read_text())


def rows(out, split="train"):
    found = list(read(out, split))
    return [row | json.loads(row["label"]) | {"shown": row["images"]} for row in found]


def tree(out):
    files = (path for path in sorted(out.rglob("*")) if path.is_file())
    return {str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    out = tmp_path_factory.mktemp("plain") / "data"
    assert prepare(out) == 0
    return out


def test_rows_are_the_samples_of_the_benchmark(plain):
    expected = {s.id: (s, why) for task in TASKS for s, why in generated.load_with_reasoning("train", task)}
    found = rows(plain)
    for row in found:
        sample, reasoning = expected[row["id"]]
        text = [item.get("text") for turn in messages(sample) for item in turn["content"]]
        assert [item.get("text") for turn in row["messages"] for item in turn["content"]] == text
        assert (row["label"], row["group"], row["reasoning"]) == (sample.label, sample.group, reasoning)
        assert [Path(path).read_bytes() for path in row["shown"]] == list(sample.images)
    left_out = {one["id"] for one in manifest(plain)["left_out"]}
    assert {row["id"] for row in found} == expected.keys() - left_out
    assert len(found) == len({row["id"] for row in found})


def test_what_must_not_be_trained_on_is_left_out_and_named(tmp_path, capsys):
    assert prepare(tmp_path / "data") == 0
    printed = capsys.readouterr()
    left_out = {one["id"]: one for one in manifest(tmp_path / "data")["left_out"]}
    assert {name: one["why"] for name, one in left_out.items()} == {
        "train-bright-7": "corrupt",
        "train-bright-11": "copy",
        "train-bright-12": "copy",
        "train-bright-13": "no label",
    }
    assert "truncated" in left_out["train-bright-7"]["detail"]
    assert "nearly the same as one of own_benchmark.generated:bright test test-bright-3" in str(left_out)
    assert left_out["train-bright-12"]["detail"].endswith(
        "is the same as one of own_benchmark.generated:pair test test-pair-2"
    )
    assert "own_benchmark.generated:bright, split train, sample 'train-bright-7': image 1 of 1" in printed.err
    assert "1 samples with the same pixels, 1 with nearly the same" in printed.out
    assert "terms of own_benchmark.generated: made up: use it as you like" in printed.out
    [line] = [line for line in printed.out.splitlines() if line.startswith("train") and ":bright" in line]
    assert line.split()[2:] == ["36", "1", "0", "2", "1", "0", "no", "9,", "yes", "27"]
    assert not list((tmp_path / "data/images").rglob("*.jpg")), "the picture of a sample that was left out"


def test_counts_and_digests_of_the_manifest_are_those_of_the_files(plain):
    found = manifest(plain)
    for split in ("train", "validation", "test"):
        file = plain / f"{split}.jsonl"
        assert found["files"][file.name]["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
        labels = Counter((row["id"].split("-")[1], row["label"]) for row in rows(plain, split))
        for task in TASKS:
            counts = found["counts"][split][f"{OWN}:{task}"]
            assert counts["labels"] == {label: n for (of, label), n in sorted(labels.items()) if of == task}
            assert counts["kept"] == sum(counts["labels"].values())
    shown = {image for split in ("train", "validation", "test") for row in rows(plain, split) for image in row["shown"]}
    assert {str(path) for path in (plain / "images").rglob("*.*")} == shown
    assert found["files"]["images"]["number"] == len(shown)


def test_same_arguments_same_bytes_and_the_second_run_has_nothing_to_do(plain, tmp_path, capsys):
    assert prepare(tmp_path / "data") == 0
    assert tree(tmp_path / "data") == tree(plain)
    capsys.readouterr()
    generated.DRAWN.clear()
    assert prepare(plain) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("up to date, nothing to do")
    assert not generated.DRAWN


def test_a_damaged_folder_is_made_whole(plain, tmp_path):
    assert prepare(tmp_path / "data") == 0
    (tmp_path / "data/train.jsonl").write_text("")
    next((tmp_path / "data/images").rglob("*.png")).unlink()
    assert prepare(tmp_path / "data") == 0
    assert tree(tmp_path / "data") == tree(plain)


def test_other_arguments_or_other_files_are_refused(plain, tmp_path, capsys):
    before = tree(plain)
    assert prepare(plain, "--seed", "1") == 2
    assert "--seed was 0 and is 1" in capsys.readouterr().err
    assert tree(plain) == before
    (tmp_path / "thesis.txt").write_text("mine")
    assert prepare(tmp_path) == 2
    assert "not a prepared folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_killed_run_goes_on_with_the_pictures_it_has(plain, tmp_path, monkeypatch):
    out = tmp_path / "data"
    code = f"""
import os
from own_benchmark import generated
from mtrl_judge_plugin.commands.cli import main
from mtrl_judge_plugin.training.prepare import collecting
collecting._SAVE_EVERY = 5
drawn = generated.picture
def dying(name):
    if name == "train-pair-30-a":
        os.kill(os.getpid(), 9)
    return drawn(name)
generated.picture = dying
main(["prepare", {OWN!r}, "--out", {str(out)!r}])
"""
    killed = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[1] / "support", capture_output=True, timeout=120
    )
    assert killed.returncode == -9, killed.stderr
    assert not list(out.glob("*.jsonl"))
    assert not (out / "manifest.json").exists()
    examined = []
    decode = workbench._examine
    monkeypatch.setattr(workbench, "_examine", lambda data: examined.append(data) or decode(data))
    assert prepare(out) == 0
    assert 0 < len(examined) <= 40, "pictures were decoded again"
    assert tree(out) == tree(plain)


def test_two_runs_do_not_work_in_one_folder(tmp_path, capsys):
    (tmp_path / "data").mkdir()
    other = workbench.Workbench(tmp_path / "data")
    assert prepare(tmp_path / "data") == 2
    assert "another run works in this folder" in capsys.readouterr().err
    other.close(done=True)
    assert prepare(tmp_path / "data") == 0


def test_swap_adds_only_the_orders_that_are_missing(tmp_path):
    assert prepare(tmp_path / "data", "--swap", "--tasks", "pair") == 0
    groups = {}
    for row in rows(tmp_path / "data"):
        groups.setdefault(row["group"], []).append(row)
    assert len(groups) == 40
    for group, (one, other) in groups.items():
        assert one["shown"] == other["shown"][::-1], group
        assert {one["label"], other["label"]} == {"A", "B"}
    added = [row for row in rows(tmp_path / "data") if row["id"].endswith("-swapped")]
    assert len(added) == 38, "train-pair-0 and -1 stand in both orders already"
    assert all(row["variant"] == "swapped" and not row["reasoning"] for row in added)
    assert all(row["variant"] == "original" for row in rows(tmp_path / "data", "test"))


def test_options_shape_the_train_split_alone(plain, tmp_path):
    options = ["--limit", "bright=20,pair=9", "--balance", "--mixing", "equal", "--seed", "3"]
    assert prepare(tmp_path / "data", *options) == 0
    labels = Counter((row["datasource"], row["label"]) for row in rows(tmp_path / "data"))
    assert labels == {("bright", "yes"): 4, ("bright", "no"): 4, ("brightness", "A"): 4, ("brightness", "B"): 4}
    for split in ("validation", "test"):
        assert (tmp_path / f"data/{split}.jsonl").read_bytes() == (plain / f"{split}.jsonl").read_bytes()
    shown = {
        i for split in ("train", "validation", "test") for row in rows(tmp_path / "data", split) for i in row["shown"]
    }
    assert {str(path) for path in (tmp_path / "data/images").rglob("*.*")} == shown


def test_pictures_of_a_held_out_benchmark_are_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(generated, "BENCHMARK", replace(generated.BENCHMARK, splits=("train",)))
    held = type(sys)("own_benchmark.held")
    held.__file__ = generated.__file__
    held.SPLITS, held.TASKS = ("test",), ("pair", "other")
    held.load = lambda split, task: [
        s for s in generated.load("train", task) if s.group in ("train-pair-4", "train-pair-5")
    ]
    monkeypatch.setitem(sys.modules, "own_benchmark.held", held)
    assert prepare(tmp_path / "data", "--tasks", "pair", "--held-out", "own_benchmark.held:pair") == 0
    assert {one["id"] for one in manifest(tmp_path / "data")["left_out"]} == {"train-pair-4", "train-pair-5"}
    assert rows(tmp_path / "data", "test") == []


def test_samples_over_the_token_budget_are_left_out(tmp_path, capsys):
    count = budget.counter(str(JUDGE))
    longest = max(count(s, [images.load(s.images[0])]) for s in generated.load("validation", "bright"))
    assert prepare(tmp_path / "data", "--model", str(JUDGE), "--max-tokens", str(longest)) == 0
    found = manifest(tmp_path / "data")
    long = [one for one in found["left_out"] if one["why"] == "too long"]
    assert {one["task"] for one in long} == {f"{OWN}:pair"}, "two images take more tokens than one"
    assert all(int(one["detail"].split()[0]) > longest for one in long)
    assert {row["datasource"] for row in rows(tmp_path / "data")} == {"bright"}
    assert found["counts"]["train"][f"{OWN}:pair"]["too long"] == 42
    assert str(JUDGE.parent) not in (tmp_path / "data/manifest.json").read_text(), "an absolute path"


def test_tokens_are_those_that_the_trainers_count():
    from transformers import AutoProcessor

    processor = AutoProcessor.from_pretrained(JUDGE)
    count = budget.counter(str(JUDGE))
    small, large = (Image.new("RGB", (side, side)) for side in (64, 128))
    sample = generated.load("test", "pair")[0]
    text = processor.apply_chat_template(messages(sample), tokenize=False, add_generation_prompt=True)
    inputs = processor(text=[text], images=[small, large], add_special_tokens=False, return_tensors="pt")
    assert count(sample, [small, large]) == inputs["input_ids"].shape[1]
    assert count(sample, [small, large]) > len(processor.tokenizer(text)["input_ids"]), "image tokens are not counted"


@pytest.mark.parametrize("turned", ["exif", "transparent", "tiff"])
def test_a_picture_that_a_plain_reader_would_see_otherwise_is_written_as_the_judge_sees_it(tmp_path, turned):
    picture = Image.new("RGBA", (40, 20), (255, 0, 0, 128))
    buffer = io.BytesIO()
    if turned == "exif":
        exif = Image.Exif()
        exif[0x0112] = 6
        picture.convert("RGB").save(buffer, "JPEG", exif=exif)
    else:
        picture.save(buffer, "PNG" if turned == "transparent" else "TIFF")
    bench = workbench.Workbench(tmp_path)
    found = bench.image(buffer.getvalue())
    bench.write_image(found, buffer.getvalue())
    bench.close(done=True)
    file = tmp_path / found.path
    assert file.suffix == ".png"
    assert file.stem == hashlib.sha256(file.read_bytes()).hexdigest()
    assert Image.open(file).convert("RGB").tobytes() == images.load(buffer.getvalue()).tobytes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["nowhere", "--out", "{}"],
            "no benchmark 'nowhere': it is none of this package's (agin, custom, editreward_bench",
        ),
        (["own_benchmark", "--out", "{}"], "own_benchmark/__init__.py is not a benchmark; it needs BENCHMARK"),
        (["embedded", "--out", "{}", "--tasks", "digit"], "no task 'digit'; there are embedded:alignment"),
        (["embedded", "--out", "{}", "--limit", "digit=3"], "--limit names 'digit'"),
        (["embedded", "--out", "{}", "--held-out", "mj_bench"], "no benchmark 'mj_bench'"),
        (["embedded", "--out", "{}", "--max-tokens", "9"], "--model and --max-tokens go together"),
        (["embedded", "--out", "{}", "--max-tokens", "9", "--model", "{}"], "its processor cannot be loaded"),
    ],
)
def test_bad_arguments_get_a_clear_error(tmp_path, capsys, arguments, said):
    out = tmp_path / "data"
    assert main(["prepare", *(word.format(out) for word in arguments)]) == 2
    assert said in capsys.readouterr().err
    assert not out.exists()


def test_the_embedded_benchmark(tmp_path, capsys):
    assert prepare(tmp_path / "data", "--tasks", "safety,digits", "--limit", "50", name="embedded") == 0
    found = rows(tmp_path / "data")
    assert Counter(row["datasource"] for row in found) == {"safety": 50, "digits": 50}
    assert all(row["reasoning"] for row in found)
    assert "terms of embedded: drawn scenes: MIT" in capsys.readouterr().out
    assert set(manifest(tmp_path / "data")["made_from"]["sources"]["embedded"]) >= {"train.parquet", "test.parquet"}
