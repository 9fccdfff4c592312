"""What all loaders share: tables that are not what they seem, pictures, archives, the cache folder, the hub."""

import zipfile

import pytest
from real_schema.drawing import picture

from mtrl_judge_plugin.benchmarks import agin, seetrue
from mtrl_judge_plugin.benchmarks.reading import images as reading_images
from mtrl_judge_plugin.benchmarks.reading.rows import AbsentError, DataError, read
from mtrl_judge_plugin.benchmarks.reading.source import Source, splits


def table(folder, text, name="t.csv", encoding="utf-8"):
    (folder / name).write_bytes(text.encode(encoding))
    return folder / name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,a dog, on a sofa\n", r"t\.csv, line 2: not the 2 cells of the header; put text with commas"),
        ("a,b\n1\n", r"t\.csv, line 2: not the 2 cells of the header"),
        ('a,b\n1,"a dog\n2,a cat\n3,a cow\n', r"t\.csv, behind row 0: cannot be read: unexpected end of data"),
        ("a,b\n", r"t\.csv: holds no row"),
    ],
)
def test_a_broken_line_of_csv_never_becomes_a_row(tmp_path, text, said):
    with pytest.raises(DataError, match=said):
        list(read(table(tmp_path, text), ("a", "b")))


def test_quoted_commas_and_line_breaks_are_part_of_a_cell(tmp_path):
    (row,) = read(table(tmp_path, '\ufeffa,b\n1,"a dog,\non a ""sofa"""\n'), ("a", "b"))
    assert row.text("b") == 'a dog,\non a "sofa"'


def test_another_encoding_is_named_with_the_way_out(tmp_path):
    with pytest.raises(DataError, match=r"behind row 0: .*save it as UTF-8"):
        list(read(table(tmp_path, "a,b\nä,1\n", encoding="latin-1"), ("a",)))


def test_half_an_emoji_becomes_a_question_mark(tmp_path):
    (row,) = read(table(tmp_path, '{"a": "so good \\ud83d"}\n', "t.jsonl"), ("a",))
    assert row.text("a") == "so good ?"


def test_a_cache_folder_that_cannot_be_written_is_named_with_the_way_out(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(reading_images.ArchiveError, match=r"cannot be unpacked there .*; set XDG_CACHE_HOME"):
        reading_images.keep(picture("a"))


def test_a_picture_is_unpacked_once_and_named_by_its_content():
    first, second = reading_images.keep(picture("a")), reading_images.keep(picture("a"))
    assert first == second
    assert reading_images.keep(picture("b")) != first


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "x" * 5000 + ".png"])
def test_names_that_are_no_names_of_pictures_here_are_refused(tmp_path, name):
    with pytest.raises(reading_images.ArchiveError):
        reading_images.image_in(tmp_path, name)


def test_one_picture_under_two_names_stands_in_one_split(tmp_path):
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        for number in range(100):
            archive.writestr(f"{number}.jpg", picture(f"p{number % 50}"))
    lines = [f"{number}.jpg,a text,{number % 2},0,here" for number in range(100)]
    table(tmp_path, "image,text,label,original_dataset_id,dataset_source\n" + "\n".join(lines), "SeeTRUE.csv")
    groups = [{sample.images for sample in seetrue.load(split, folder=tmp_path)} for split in seetrue.BENCHMARK.splits]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 50


def test_agins_images_may_lie_in_several_folders_but_each_only_once(tmp_path):
    rows = []
    for number in range(12):
        place = tmp_path / f"part{number % 3}"
        place.mkdir(exist_ok=True)
        (place / f"{number}.png").write_bytes(picture(f"a{number}", "PNG"))
        rows.append(f"{number}.png,{number},1,2")
    table(tmp_path, "filename,MOS_nat,MOS_tech,MOS_rat\n" + "\n".join(rows), "agin.csv")
    assert sum(len(list(agin.load(split, folder=tmp_path))) for split in agin.BENCHMARK.splits) == 12
    (tmp_path / "part1" / "0.png").write_bytes(picture("another", "PNG"))
    with pytest.raises(DataError, match=r"0\.png: in .*part0 and in .*part1; leave only one"):
        [list(agin.load(split, folder=tmp_path)) for split in agin.BENCHMARK.splits]


def test_a_data_set_that_is_nowhere_is_named_with_what_to_put_where():
    with pytest.raises(DataError, match=r"is on no hub: put its files .* into a folder agin and set MTRL_JUDGE_DATA"):
        agin.SOURCE.file("*.csv")
    with pytest.raises(DataError, match=r"cannot be read from the hub .* accepted .* `hf auth login`"):
        Source("x", "terms", hub="nobody/nothing", revision="1" * 40, files="a.csv").file("a.csv")


def test_files_that_may_lie_in_several_places_are_asked_of_the_hub_once(tmp_path, monkeypatch):
    asked = []

    def download(hub, *, allow_patterns, **options):
        asked.append(allow_patterns)
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    source = Source("x", "terms", hub="nobody/nothing", revision="1" * 40, files="b.csv")
    with pytest.raises(AbsentError, match=r": no file a\.csv or data/b\*\.csv or b\.csv; wanted: b\.csv"):
        source.first_matching(("a.csv", "data/b*.csv", "b.csv"))
    assert asked == [["a.csv", "data/b*.csv", "b.csv"]]
    table(tmp_path, "a\n1\n", "b.csv")
    assert source.first_matching(("a.csv", "b.csv")) == [tmp_path / "b.csv"]


def test_a_hub_that_refuses_is_asked_no_second_time(monkeypatch):
    asked = []

    def refuse(hub, **options):
        asked.append(hub)
        raise PermissionError("Access to it is restricted")

    monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)
    with pytest.raises(DataError, match=r"cannot be read from the hub \(PermissionError: Access to it") as caught:
        Source("x", "terms", hub="nobody/nothing", files="b.csv").first_matching(("a.csv", "b.csv"))
    assert not isinstance(caught.value, AbsentError)
    assert asked == ["nobody/nothing"]


def test_splits_are_the_rounded_shares_and_the_same_at_every_run():
    names = [str(number) for number in range(6049)]
    shares = {"train": 0.8, "validation": 0.1, "test": 0.1}
    found = splits(names, shares)
    assert [found.count(split) for split in shares] == [4839, 605, 605]
    assert found == splits(names, shares)
