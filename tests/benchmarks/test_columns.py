"""What a user says of a table: how it is read, what is said about a slip, and the example that an error gives."""

import contextlib
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mtrl_judge_plugin.benchmarks import custom
from mtrl_judge_plugin.benchmarks.reading import columns, tables
from mtrl_judge_plugin.benchmarks.reading.rows import DataError

PAIRS = (
    "img_path,prompt,answer_1,answer_2,preferred,note\n"
    "a.png,What is it?,a cat,a dog,model2,\n"
    "b.png,What is it now?,a fish,a hen,model1,\n"
    "b.png,And here?,a fish,a big hen,model1,\n"
)
SAID = (
    "image=img_path, text=prompt, response_a=answer_1, response_b=answer_2, label=preferred, "
    'label_map="model1:A,model2:B", form=pairwise, question="Which answer is better?"'
)


@pytest.fixture
def votes(tmp_path):
    from PIL import Image

    for name in "ab":
        Image.new("RGB", (8, 8), "red").save(tmp_path / f"{name}.png")
    (tmp_path / "votes.csv").write_text(PAIRS, encoding="utf-8")
    return tmp_path / "votes.csv"


def test_a_table_with_other_names_is_read_by_a_text_a_mapping_and_a_variable(votes, monkeypatch):
    found = list(custom.load("test", folder=votes, columns=SAID))
    assert [(one.label, one.responses, one.text) for one in found] == [
        ("B", ("a cat", "a dog"), "What is it?"),
        ("A", ("a fish", "a hen"), "What is it now?"),
        ("A", ("a fish", "a big hen"), "And here?"),
    ]
    assert {one.question for one in found} == {"Which answer is better?"}
    mapping = columns.parse(SAID)
    in_yaml = {**mapping.given, "label_map": {"model1": "A", "model2": "B"}, "table": str(votes)}
    assert list(custom.load("test", columns=in_yaml)) == found
    monkeypatch.setenv("MTRL_JUDGE_CUSTOM", f"table={votes}, {SAID}")
    assert list(custom.load("test")) == found


def test_lines_of_a_script_are_one_text():
    assert columns.parse(SAID.replace(", ", ",\n    ")) == columns.parse(SAID)


keys = st.sampled_from([*columns.FIELDS])
plain = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=20).map(str.strip)


@given(st.dictionaries(keys, plain))
def test_what_is_written_is_read_again(given_columns):
    assert columns.parse(columns.written(given_columns)).given == given_columns


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text):
    with contextlib.suppress(DataError):
        assert set(columns.parse(text).given) <= set(columns.FIELDS)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("imgae=x", "'imgae' is nothing that a column can be; did you mean image?"),
        ("image", "'image': want name=value, as in table=votes.csv; quote values with"),
        (
            "question=Good, or bad",
            "'or bad': want name=value, as in table=votes.csv; quote values with",
        ),
        ("question=What's better?", "a quote is not closed; write a text with an apostrophe in double quotes"),
        ("label=a, label=b", "label is given twice: 'a' and 'b'"),
        ("label_map=good", "label_map: 'good': want label:meaning, as in model1:A"),
        ('label_map="x:A,X:B"', "label_map: 'X' has two meanings, 'A' and 'B'"),
        ({"choices": [True, False]}, "choices: .* is what YAML makes of yes and no; put them in quotes"),
    ],
)
def test_a_text_that_cannot_be_read_says_why(said, message):
    with pytest.raises(DataError, match=message):
        columns.parse(said)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            "response_a=answr_1",
            r"response_a=answr_1: no such column; did you mean answer_1\? \(columns: img_path, prompt",
        ),
        ("image=Img_Path", r"image=Img_Path: no such column; did you mean img_path\?"),
        ("label=prefered", r"label=prefered: no such column; did you mean preferred\?"),
        ("question=promt", r"question=promt: no such column; did you mean prompt\?"),
        ("task=promt", r"task=promt: no such column; did you mean prompt\?"),
        ("form=pair", "form=pair: no such column; no text for all rows either"),
        ("split=dev", "split=dev: no such column; no text for all rows either"),
        ("choices=good", "choices=good: no such column; no text for all rows either"),
        ("text=something", "text=something: no such column; no text for all rows either"),
        ("ratings=answer_1+rater_2", "ratings=rater_2: no such column"),
        ("annotator=note", "annotator needs id"),
        ("image_folder=nowhere", "image_folder=nowhere: no such folder"),
    ],
)
def test_a_slip_is_an_error_and_never_a_text_for_all_rows(votes, change, message):
    key, _, value = change.partition("=")
    kept = columns.parse(SAID)
    said = {**kept.given, "label_map": dict(kept.label_map), key: value}
    with pytest.raises(DataError, match=message):
        list(custom.load("test", folder=votes, columns=said))


def test_a_label_that_the_map_lacks_is_named_by_the_users_own_column(votes):
    votes.write_text(PAIRS.replace("cat,a dog,model2", "cat,a dog,model3"), encoding="utf-8")
    message = r"votes\.csv, row 1, column preferred \(label\): 'model3' is none of model1, model2, A, B; add it to"
    with pytest.raises(DataError, match=message):
        list(custom.load("test", folder=votes, columns=SAID))


def test_labels_may_mean_a_tie_or_nothing(votes):
    votes.write_text(PAIRS.replace("hen,model1", "hen,same"), encoding="utf-8")
    said = columns.parse(SAID)
    for meaning, label in (("tie", "tie"), ("", None)):
        mapping = {**said.given, "label_map": {"model1": "A", "model2": "B", "same": meaning}}
        assert [one.label for one in custom.load("test", folder=votes, columns=mapping)] == ["B", label, label]


TABLES = {
    "pairs of answers": (PAIRS, {"A", "B"}),
    "left and right": ("left,right,prompt,winner\na.png,b.png,a cat,left\nb.png,a.png,a red dog,tie\n", {"A", "tie"}),
    "zero and one": (
        "id,image,response 1,response 2,choice\n1,a.png,a cat,a dog,0\n2,b.png,so so,oh no,1\n",
        {"A", "B"},
    ),
    "stars": ("picture,caption,stars_human\na.png,a red cat,5\nb.png,a dog,2\na.png,one hen,3.0\n", {"5", "2", "3"}),
    "chosen and rejected": ("image,prompt,chosen,rejected\na.png,What is it?,a cat,a dog\n", {"A"}),
    "classes": ("file,ok?\na.png,yes\nb.png,no\na.png,yes\n", {"yes", "no"}),
    "our names": (
        "form,image,question,human\nscore,a.png,How sharp?,1\nscore,b.png,How big?,3\nscore,b.png,Hm?,2\n",
        {"1", "2", "3"},
    ),
    "semicolons": (
        "img;answer a;answer b;besser\n" + "a.png;ein Hund;zwei Hunde;B\n" * 2 + "b.png;eine Katze;ein Haus;A\n",
        {"A", "B"},
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_the_example_of_an_error_works_for_this_very_table(votes, name):
    text, labels = TABLES[name]
    votes.write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        list(custom.load("test", folder=votes))
    assert str(votes) in str(caught.value)
    example = re.search(r"for this table perhaps: (.*)", str(caught.value))
    found = list(custom.load("test", folder=votes, columns=example[1]))
    assert {one.label for one in found} == labels
    assert all(one.images for one in found)


def test_a_table_without_anything_like_a_label_gets_no_example(votes):
    votes.write_text("name,city\nAda Lovelace,London\nEmmy Noether,Erlangen\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"no column form, question, label \(columns: name, city\)$"):
        list(custom.load("test", folder=votes))


def test_the_table_and_the_folder_are_said_once(votes):
    with pytest.raises(DataError, match="give one of them"):
        list(custom.load("test", folder=votes, columns=f"table={votes}"))
    with pytest.raises(DataError, match=r"table=gone\.csv: no such file or folder"):
        list(custom.load("test", columns="table=gone.csv"))


def test_the_guide_says_the_same_in_a_variable_and_in_a_yaml():
    page = (Path(__file__).parents[2] / "docs/your-own-data.md").read_text(encoding="utf-8")
    variable = columns.parse(re.search(r"MTRL_JUDGE_CUSTOM='(.*?)'", page, re.DOTALL)[1])
    block = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)[1].replace("!function ", "")
    in_yaml = columns.parse(yaml.safe_load(block)["metadata"]["options"]["columns"])
    assert {**in_yaml.given, "text": "prompt"} == variable.given
    assert (in_yaml.label_map, in_yaml.table) == (variable.label_map, variable.table)


def test_help_and_docs_name_every_field():
    page = (Path(__file__).parents[2] / "docs/your-own-data.md").read_text(encoding="utf-8")
    shown = columns.explained(2)
    for field in [*columns.FIELDS, *columns.SETTINGS]:
        assert f"`{field}`" in page or field in (*columns.CANDIDATES[2:], *columns.CANDIDATE_IMAGES[2:])
        assert re.search(rf"^  {field}[ ,]", shown, re.MULTILINE) or field in (
            *columns.CANDIDATES[1:],
            *columns.CANDIDATE_IMAGES[1:],
        )
    assert columns.VARIABLE in page
    assert all(suffix in page for suffix in tables.SUFFIXES)
