"""Tables as Excel, pandas and people leave them, several annotators, and splits where there are none."""

import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mtrl_judge_plugin.benchmarks import custom
from mtrl_judge_plugin.benchmarks.reading import auto_split, cells, tables
from mtrl_judge_plugin.benchmarks.reading.rows import DataError

SCORE = 'form=score, question="How good?", choices=1|2|3|4|5, image=img, label=stars'
ROWS = "img,stars,notes\na.png,3,schön\nb.png,5,\n"


@pytest.fixture
def folder(tmp_path):
    for name in "ab":
        Image.new("RGB", (8, 8), "blue").save(tmp_path / f"{name}.png")
    return tmp_path


def labels(path, said=SCORE):
    return [one.label for one in custom.load("test", folder=path, columns=said)]


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (ROWS, "utf-8"),
        (ROWS, "utf-8-sig"),
        (ROWS.replace(",", "\t"), "utf-16"),
        (ROWS.replace(",", ";").replace("\n", "\r\n"), "cp1252"),
        ("sep=;\r\n" + ROWS.replace(",", ";"), "utf-8"),
        ('"sep=|"\n' + ROWS.replace(",", "|"), "utf-8"),
        ("img,stars,notes,,\na.png,3,schön,,\nb.png,5,,,\n,,,,\n\n", "utf-8"),
        (",img,stars,notes\n0,a.png,3.0,schön\n1,b.png,5.0,\n", "utf-8"),
        ('img,stars,notes\na.png,3,"two, ""quoted""\nlines"\nb.png,5,"a;b"\n', "utf-8"),
        ('" img ","stars","the;notes;here"\na.png,3,x\nb.png,5,y\n', "utf-8"),
        ("img;stars;notes\na.png;3,0;x\nb.png;5,00;y\n", "utf-8"),
    ],
)
def test_csv_files_of_many_programs_hold_the_same_rows(folder, content, encoding):
    (folder / "votes.csv").write_bytes(content.encode(encoding))
    assert labels(folder / "votes.csv") == ["3", "5"]


def test_windows_1252_is_read_and_said(folder, capsys):
    (folder / "votes.csv").write_bytes(ROWS.encode("cp1252"))
    (one, _) = custom.load("test", folder=folder / "votes.csv", columns=f"{SCORE}, text=notes")
    assert one.text == "schön"
    assert "votes.csv: is not UTF-8; read as Windows-1252" in capsys.readouterr().err


def test_files_that_programs_leave_beside_a_table_are_skipped(folder):
    (folder / "votes.csv").write_text(ROWS, encoding="utf-8")
    for name in ("._votes.csv", "~$votes.csv"):
        (folder / name).write_bytes(b"\0\5\x16\7\0")
    assert labels(folder) == ["3", "5"]


@pytest.mark.parametrize("how", ["csv", "jsonl", "json", "records", "parquet"])
def test_what_pandas_writes_with_missing_labels(folder, how):
    frame = pandas.DataFrame({"img": ["a.png", "b.png", "a.png"], "stars": [3, None, 5], "notes": ["x", None, "z"]})
    path = folder / f"votes.{'json' if how == 'records' else how}"
    if how == "csv":
        frame.to_csv(path, na_rep="NaN")
    elif how == "parquet":
        frame.to_parquet(path)
    elif how == "jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_json(path, **({"orient": "records"} if how == "records" else {}))
    found = list(custom.load("test", folder=path, columns=f"{SCORE}, text=notes"))
    assert [(one.label, one.text) for one in found] == [("3", "x"), (None, ""), ("5", "z")]


def test_booleans_by_a_map_whatever_their_case(folder):
    said = 'form=pointwise, question="Does it match?", image=img, label=ok, label_map="true:yes,false:no"'
    (folder / "votes.csv").write_text("img,ok\na.png,TRUE\nb.png,False\n", encoding="utf-8")
    assert labels(folder / "votes.csv", said) == ["yes", "no"]
    (folder / "votes.json").write_text('[{"img": "a.png", "ok": true}, {"img": "b.png", "ok": false}]')
    assert labels(folder / "votes.json", said) == ["yes", "no"]
    pandas.DataFrame({"img": ["a.png", "b.png"], "ok": [1.0, 0.0]}).to_csv(folder / "numbers.csv")
    assert labels(folder / "numbers.csv", said.replace("true", "1").replace("false", "0")) == ["yes", "no"]


def test_a_class_may_be_called_none_and_an_answer_none(folder):
    (folder / "votes.csv").write_text("img,answer,other,which\na.png,None,NA,none\nb.png,nan,,N/A\n", encoding="utf-8")
    said = 'form=pointwise, question="Which side?", image=img, text=answer, label=which, choices=left|right|none'
    found = list(custom.load("test", folder=folder / "votes.csv", columns=said))
    assert [(one.label, one.text) for one in found] == [("none", "None"), (None, "")]
    assert found[0].choices == ("left", "right", "none")


@pytest.mark.parametrize(("name", "expected"), [("votes;csv", (3.5, 4.0)), ("votes,csv", None)])
def test_decimal_commas_are_those_of_files_with_semicolons(folder, name, expected):
    mark = name[5]
    cell = '"3,5;4"'
    (folder / "votes.csv").write_text(mark.join(["img", "stars", "all"]) + "\n" + mark.join(["a.png", "4", cell]))
    if expected is None:
        with pytest.raises(DataError, match=r"row 1, column all \(ratings\): .* separate them by ;"):
            labels(folder / "votes.csv", f"{SCORE}, ratings=all")
    else:
        (one,) = custom.load("test", folder=folder / "votes.csv", columns=f"{SCORE}, ratings=all")
        assert one.ratings == expected


def test_lists_in_a_csv_as_json_or_as_python_writes_them(folder):
    text = 'img,both,best\na.png,"[\'a cat\', \'a dog\']",A\nb.png,"[""a hen"", ""a fox""]",b\n'
    (folder / "votes.csv").write_text(text, encoding="utf-8")
    said = 'form=pairwise, question="Which is better?", image=img, responses=both, label=best'
    found = list(custom.load("test", folder=folder / "votes.csv", columns=said))
    assert [(one.responses, one.label) for one in found] == [(("a cat", "a dog"), "A"), (("a hen", "a fox"), "B")]


def test_a_row_with_other_cells_than_the_header_names_its_line(folder):
    (folder / "votes.csv").write_text("sep=,\nimg,stars,notes\na.png,3,fine\nb.png,3,good, bad\n", encoding="utf-8")
    with pytest.raises(
        DataError, match="line 4: not the 3 cells of the header; put text with commas, tabs or line breaks"
    ):
        labels(folder / "votes.csv")
    (folder / "votes.csv").write_text('img,stars\na.png,"3\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"votes\.csv, line 2: cannot be read: unexpected end of data"):
        labels(folder / "votes.csv")


def test_columns_of_one_name_are_told_apart(folder):
    (folder / "votes.csv").write_text("img,stars,stars\na.png,3,4\n", encoding="utf-8")
    assert tables.opened(folder / "votes.csv").columns == ("img", "stars", "stars#2")


def test_several_columns_are_several_votes(folder):
    text = "img,p1,p2,p3\na.png,yes,no,yes\na.png,yes,no,\nb.png,,,\nb.png,no,,\n"
    (folder / "votes.csv").write_text(text, encoding="utf-8")
    said = 'form=pointwise, question="Does it match?", image=img, label=p1+p2+p3, choices=yes|no'
    found = list(custom.load("test", folder=folder / "votes.csv", columns=said))
    assert [(one.label, one.ratings) for one in found] == [
        ("yes", (1, 0, 1)),
        (None, (1, 0)),  # a tie
        (None, ()),
        ("no", ()),
    ]


def test_rows_of_one_id_are_votes_where_annotators_are_named(folder):
    text = "item,who,img,stars\n7.0,ann,a.png,3\n7.0,bob,a.png,4\n8.0,ann,b.png,1\n7.0,bob,a.png,5\n"
    (folder / "votes.csv").write_text(text, encoding="utf-8")
    found = list(custom.load("test", folder=folder / "votes.csv", columns=f"{SCORE}, id=item, annotator=who"))
    assert [(one.id, one.label, one.ratings) for one in found] == [("7", "4", (3, 5)), ("8", "1", ())]


def test_images_of_another_machine_are_found_by_their_endings(folder):
    (folder / "table").mkdir()
    (folder / "red").mkdir()
    Image.new("RGB", (8, 8), "red").save(folder / "red/a.png")
    names = ["/home/her/red/a.png", "https://host/x/b.png?token=1", "C:\\\\data\\\\a.png", str(folder / "red/a.png")]
    found = {}
    for number, name in enumerate(names):
        path = folder / f"table/{number}.csv"
        path.write_text(f"img,stars\n{name.replace(chr(92) * 2, chr(92))},3\n", encoding="utf-8")
        (one,) = custom.load("test", columns=f"table={path}, image_folder={folder}, {SCORE}")
        found[name] = one.images[0]
    assert list(found.values()) == [str(folder / name) for name in ("red/a.png", "b.png", "a.png", "red/a.png")]


def test_two_names_for_one_file_are_refused(folder):
    (folder / "votes.csv").write_text("img,stars\n/x/one/a.png,3\n/x/two/a.png,4\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"row 2, column img \(image\): '/x/two/a.png' and '/x/one/a.png' are both"):
        labels(folder / "votes.csv")


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=2), max_size=40))
def test_no_value_is_in_two_splits(found):
    parts = auto_split.split_rows(found)
    assert parts == auto_split.split_rows(found)
    for value in "abcdefgh":
        assert len({part for part, own in zip(parts, found, strict=True) if value in own}) <= 1


def test_shares_are_those_promised():
    parts = auto_split.split_rows([[str(number)] for number in range(1000)])
    assert [parts.count(split) for split in ("train", "validation", "test")] == [800, 100, 100]


@given(st.integers(-999, 999))
def test_a_whole_number_is_the_same_name_in_every_spelling(number):
    assert {cells.name(value) for value in (number, float(number), f"{number}", f"{number}.0", f" {number}.00 ")} == {
        str(number)
    }


def test_a_mean_as_a_score_is_rounded_and_kept(folder):
    (folder / "votes.csv").write_text("img;stars\na.png;3,4\nb.png;2,5\na.png;4\n", encoding="utf-8")
    found = list(custom.load("test", folder=folder / "votes.csv", columns=SCORE))
    assert [(one.label, one.ratings) for one in found] == [("3", (3.4,)), ("3", (2.5,)), ("4", ())]
    (folder / "votes.csv").write_text("img,stars\na.png,7.2\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"row 1, column stars \(label\): '7' is none of 1, 2, 3, 4, 5; leave it empty"):
        labels(folder / "votes.csv")


def test_a_score_may_be_a_word_with_a_map(folder):
    (folder / "votes.csv").write_text("img,stars\na.png,Good\nb.png,1\na.png,so so\n", encoding="utf-8")
    said = 'form=score, question="How good?", image=img, label=stars, label_map="good:3,1:2,so so:1"'
    assert labels(folder / "votes.csv", said) == ["3", "2", "1"]


def test_texts_for_all_rows_are_no_slips_of_columns_that_look_alike(folder):
    (folder / "votes.csv").write_text("img,scores,tests,stars\na.png,1,2,3\n", encoding="utf-8")
    assert labels(folder / "votes.csv", f"{SCORE}, split=test") == ["3"]


def test_answers_in_several_columns(folder):
    (folder / "votes.csv").write_text("img,one,two,best\na.png,a cat,a dog,a\n", encoding="utf-8")
    said = 'form=pairwise, question="Which is better?", image=img, responses=one+two, label=best'
    (one,) = custom.load("test", folder=folder / "votes.csv", columns=said)
    assert (one.responses, one.label) == (("a cat", "a dog"), "A")


def test_a_ranking_without_a_label(folder):
    (folder / "votes.csv").write_text("one,two,best\na cat,a dog,BA\na cat,a dog,nan\n", encoding="utf-8")
    said = 'form=ranking, question="Best first?", responses=one+two, label=best'
    assert labels(folder / "votes.csv", said) == ["BA", None]


def test_half_an_emoji_becomes_a_question_mark(folder):
    row = '{"id": "x\\ud83d", "img": "a.png", "stars": 3, "question": "How good\\ud83d?", "form": "score"}'
    (folder / "votes.jsonl").write_text(row)
    (one,) = custom.load("test", folder=folder / "votes.jsonl", columns="image=img, label=stars, choices=1|2|3")
    assert (one.id, one.question) == ("x?", "How good??")


def test_a_spreadsheet_says_what_to_do(folder):
    (folder / "votes.xlsx").write_bytes(b"PK")
    with pytest.raises(
        DataError, match=r"votes\.xlsx: unknown kind of file; .* can be read. Save a spreadsheet as CSV"
    ):
        labels(folder / "votes.xlsx")
