"""Exports of annotation tools, in the schemas that these tools write."""

import csv
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from mtrl_judge_plugin.benchmarks import custom

PAIR = (
    'form=pairwise, question="Which is better?", image=image, response_a=text1, response_b=text2, label=best, '
    'label_map="left:A,right:B"'
)
STARS = 'form=score, question="How good?", choices=1|2|3|4|5, image=image, label=stars'


@pytest.fixture
def folder(tmp_path):
    for number in range(3):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / f"ab12-{number}.png")
    return tmp_path


def load(folder, name, content, said):
    if name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(content), folder / name)
    elif name.endswith(".jsonl"):
        (folder / name).write_text("".join(f"{json.dumps(row)}\n" for row in content))
    elif name.endswith(".csv"):
        with (folder / name).open("w", newline="") as file:
            writer = csv.DictWriter(file, sorted({key for row in content for key in row}), quoting=csv.QUOTE_NONNUMERIC)
            writer.writeheader()
            writer.writerows(content)
    else:
        (folder / name).write_text(json.dumps(content))
    return list(custom.load("test", folder=folder / name, columns=said))


def task(number, *results, **more):
    data = {"image": f"/data/upload/3/ab12-{number}.png", "text1": "a cat", "text2": "a dog"}
    annotations = [
        {"id": place, "completed_by": place, "was_cancelled": False, "result": [result], **more}
        for place, result in enumerate(results)
    ]
    return {"id": number, "data": data, "annotations": annotations, "predictions": [{"result": [side("right")]}]}


def side(chosen):
    return {"from_name": "best", "to_name": "a,b", "type": "pairwise", "value": {"selected": chosen}}


def stars(number):
    return {"from_name": "stars", "to_name": "image", "type": "rating", "value": {"rating": number}}


def test_label_studio_json(folder):
    tasks = [
        task(0, side("left"), side("left"), side("right")),
        task(1, side("left"), side("right")),
        task(2, side("left"), was_cancelled=True),
    ]
    found = load(folder, "export.json", tasks, PAIR)
    assert [(one.id, one.label) for one in found] == [("0", "A"), ("1", None), ("2", None)]
    assert found[0].images == (str(folder / "ab12-0.png"),)
    found = load(folder, "export.json", [task(0, stars(3), stars(4)), task(1, stars(2))], STARS)
    assert [(one.label, one.ratings) for one in found] == [("4", (3, 4)), ("2", ())]


def choice(*chosen):
    return {"from_name": "ok", "to_name": "image", "type": "choices", "value": {"choices": list(chosen)}}


def test_label_studio_choices(folder):
    tasks = [task(0, choice("fits"), choice("fits"), choice("does not")), task(1, choice("does not"))]
    said = 'form=pointwise, question="Does it fit?", image=image, label=ok, choices="fits|does not"'
    assert [one.label for one in load(folder, "export.json", tasks, said)] == ["fits", "does not"]


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_label_studio_with_a_row_for_each_annotation(folder, kind):
    rows = [
        {
            "annotation_id": 10 + place,
            "annotator": who,
            "created_at": "2024-05-01T10:00:00Z",
            "id": number,
            "image": f"/data/local-files/?d=images/ab12-{number}.png",
            "lead_time": 2.5,
            "stars": json.dumps([{"rating": given}]) if kind == "csv" else [{"rating": given}],
            "updated_at": "2024-05-01T10:00:00Z",
        }
        for place, (number, who, given) in enumerate([(0, 1, 3), (0, 2, 4), (1, 1, 5)])
    ]
    found = load(folder, f"export.{kind}", rows, STARS)
    assert [(one.id, one.label, one.ratings) for one in found] == [("0", "4", (3, 4)), ("1", "5", ())]


def nested(number, *values):
    return {
        "id": f"r{number}",
        "fields": {"image": f"ab12-{number}.png"},
        "metadata": {},
        "suggestions": {"stars": {"value": 1, "score": 0.9, "agent": "model"}},
        "responses": {"stars": [{"value": value, "user_id": f"u{place}"} for place, value in enumerate(values)]},
        "vectors": {},
        "_server_id": "x",
    }


def test_argilla_records_as_json(folder):
    found = load(folder, "records.json", [nested(0, 3, 4), nested(1, 5), nested(2)], STARS)
    assert [(one.id, one.label) for one in found] == [("r0", "4"), ("r1", "5"), ("r2", None)]


@pytest.mark.parametrize("name", ["records.parquet", "records.json"])
def test_argilla_records_as_a_data_set(folder, name):
    rows = [
        {
            "id": f"r{number}",
            "status": "completed",
            "_server_id": "x",
            "image": f"ab12-{number}.png",
            "stars.responses": values,
            "stars.responses.users": ["u"] * len(values),
            "stars.responses.status": states,
            "stars.suggestion": 1,
            "stars.suggestion.score": 0.5,
            "stars.suggestion.agent": "model",
        }
        for number, (values, states) in enumerate([([3, 1], ["submitted", "draft"]), ([2], ["discarded"])])
    ]
    assert [one.label for one in load(folder, name, rows, STARS)] == ["3", None]


def test_argilla_1(folder):
    records = [
        {
            "fields": {"image": "ab12-0.png"},
            "responses": [
                {"user_id": "a", "values": {"stars": {"value": 2}}, "status": "submitted"},
                {"user_id": "b", "values": {"stars": {"value": 5}}, "status": "draft"},
            ],
            "suggestions": [{"question_name": "stars", "value": 1}],
            "external_id": "e1",
        }
    ]
    assert [(one.id, one.label) for one in load(folder, "records.json", records, STARS)] == [("e1", "2")]
    answers = [{"user_id": "a", "value": 4, "status": "submitted"}, {"user_id": "b", "value": 1, "status": "draft"}]
    row = {"image": "ab12-0.png", "stars": answers, "stars-suggestion": 1, "stars-suggestion-metadata": {"score": None}}
    assert [one.label for one in load(folder, "dataset.parquet", [row], STARS)] == ["4"]


def test_doccano(folder):
    rows = [
        {"id": 1, "filename": "ab12-0.png", "label": ["cat"], "Comments": []},
        {"id": 2, "filename": "ab12-1.png", "label": []},
        {"id": 3, "filename": "ab12-2.png", "label": ["dog"]},
    ]
    said = 'form=pointwise, question="What is it?", image=filename, choices=cat|dog'
    assert [one.label for one in load(folder, "all.jsonl", rows, said)] == ["cat", None, "dog"]
