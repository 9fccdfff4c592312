"""ImageRewardDB's loader on files of the hub's schema."""

import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from benchmarks import corruption
from real_schema import imagereward as files

from mtrl_judge_plugin.benchmarks import imagereward
from mtrl_judge_plugin.benchmarks.reading.rows import DataError


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "imagereward").mkdir()
    files.write(tmp_path / "imagereward")
    return tmp_path / "imagereward"


def all_of(task, folder, **options):
    return {split: list(imagereward.load(split, task, folder, **options)) for split in imagereward.BENCHMARK.splits}


@pytest.mark.parametrize(
    ("task", "sizes"),
    [("quality", [14, 6, 10]), ("score", [14, 6, 10]), ("pairs", [29, 7, 11]), ("ranking", [2, 1, 2])],
)
def test_splits_are_the_data_sets_own_and_keep_prompts_apart(folder, task, sizes):
    found = all_of(task, folder)
    assert [len(samples) for samples in found.values()] == sizes
    groups = [{sample.group for sample in samples} for samples in found.values()]
    assert sum(map(len, groups)) == len(set.union(*groups))
    everything = [sample for samples in found.values() for sample in samples]
    assert len({sample.id for sample in everything}) == len(everything)
    assert not corruption.picture_errors(everything)


@pytest.mark.parametrize("task", ["quality", "score", "pairs"])
def test_every_split_has_different_labels(folder, task):
    assert all(len({sample.label for sample in samples}) >= 2 for samples in all_of(task, folder).values())


def test_a_rating_becomes_a_class_or_a_score(folder):
    scores = list(imagereward.load("train", "score", folder))
    assert [sample.label for sample in scores[:4]] == ["6", "7", "4", "5"]
    assert scores[0].text == "a painting of train_1, number 0"
    assert (scores[0].form, scores[0].choices, scores[0].ratings) == ("score", tuple("1234567"), (6,))
    assert [sample.label for sample in imagereward.load("train", "quality", folder)][:4] == ["yes", "yes", "no", "yes"]
    strict = list(imagereward.load("train", "quality", folder, threshold=7))
    assert [sample.label for sample in strict[:4]] == ["no", "yes", "no", "no"]


def test_the_lower_rank_wins_a_pair_and_ties_are_left_out_and_counted(folder, capsys):
    pairs = list(imagereward.load("train", "pairs", folder))
    assert [pair.label for pair in pairs[:6]] == ["B", "A", "A", "A", "A", "B"]
    assert all(len(pair.images) == 2 and pair.choices == ("A", "B") for pair in pairs)
    assert "imagereward pairs train: 29 samples; rows left out: tie 1" in capsys.readouterr().err


#: Of the test split's ten images, the last first.
RANKS = [2, 1, 1, 2, 3, 1, 2, 1, 1, 3]


def test_a_ranking_takes_the_first_image_of_each_rank_best_first(folder, capsys):
    first, second = imagereward.load("train", "ranking", folder)
    assert first.label == "BADC"
    assert (len(second.images), second.label) == (6, "CEBFAD")
    assert "rows left out: fewer than three ranks 1" in capsys.readouterr().err
    corruption.change(folder / "metadata-test.parquet", lambda rows: [row | {"rank": RANKS.pop()} for row in rows])
    tied, *_ = imagereward.load("test", "ranking", folder)
    assert (len(tied.images), tied.label) == (3, "BCA"), "of 3, 1, 1, 2"


def test_a_larger_config_has_more_of_the_train_split(folder):
    assert len(list(imagereward.load("train", folder=folder, config="2k"))) == 17
    with pytest.raises(DataError, match="no config '3k'; there are 1k, 2k, 4k, 8k"):
        next(imagereward.load("train", folder=folder, config="3k"))


def test_tables_with_the_pictures_inside_give_the_same_samples(folder, tmp_path):
    inside = tmp_path / "inside" / "data"
    inside.mkdir(parents=True)
    for split in imagereward.BENCHMARK.splits:
        rows = [
            row | {"image": {"bytes": picture_of(folder, row["image_path"]), "path": None}}
            for row in pq.read_table(folder / f"metadata-{split}.parquet").to_pylist()
            if "train_5" not in row["image_path"]
        ]
        columns = [name for name in rows[0] if name != "image_path"]
        pq.write_table(pa.Table.from_pylist(rows).select(columns), inside / f"{split}-00000-of-00001.parquet")

    def shown(samples):
        return [(sample.images, sample.text, sample.label, sample.group) for sample in samples]

    for task in imagereward.BENCHMARK.tasks:
        wanted = imagereward.load("train", task, folder)
        assert shown(imagereward.load("train", task, tmp_path / "inside")) == shown(wanted)
    corruption.halve_cell(inside / "test-00000-of-00001.parquet", 2, "image")
    (error,) = corruption.picture_errors(imagereward.load("test", "quality", tmp_path / "inside"))
    assert "test-00000-of-00001.parquet, row 2, column image: " in error
    corruption.set_cell(inside / "test-00000-of-00001.parquet", 2, "image", None)
    assert len(list(imagereward.load("test", "quality", tmp_path / "inside"))) == 9


def picture_of(folder, path):
    part, name = path.rsplit("/", 1)
    with zipfile.ZipFile(folder / f"{part}.zip") as archive:
        return archive.read(name)


def test_zip_files_may_be_unpacked(folder):
    with zipfile.ZipFile(folder / "images/test/test_1.zip") as archive:
        archive.extractall(folder / "images/test/test_1")
    (folder / "images/test/test_1.zip").unlink()
    assert not corruption.picture_errors(imagereward.load("test", folder=folder))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda table: corruption.drop_column(table, "rank"),
            r"metadata-test\.parquet, row 1: no column rank; it has prompt_id, prompt, overall_rating, image_path",
        ),
        (corruption.drop_rows, r"metadata-test\.parquet: holds no row"),
        (
            lambda table: corruption.set_cell(table, 3, "overall_rating", 8),
            r"metadata-test\.parquet, row 3, column overall_rating: 8 is not an integer from 1 to 7",
        ),
        (
            lambda table: corruption.set_cell(table, 3, "image_path", "../../secret.webp"),
            r"row 3, column image_path: '\.\./\.\./secret\.webp' is not images/<split>/<split>_<number>/<file>",
        ),
        (
            lambda table: (table.parent / "images/test/test_1.zip").unlink(),
            r"no file images/test/test_1\.zip; wanted: metadata-<split>\.parquet and images/",
        ),
    ],
)
def test_what_cannot_be_used_is_named(folder, spoil, message):
    spoil(folder / "metadata-test.parquet")
    with pytest.raises(DataError, match=message):
        list(imagereward.load("test", folder=folder))


@pytest.mark.parametrize("task", ["pairs", "ranking"])
def test_a_wrong_rank_is_named(folder, task):
    corruption.set_cell(folder / "metadata-test.parquet", 2, "rank", 0)
    with pytest.raises(DataError, match=r"metadata-test\.parquet, row 2, column rank: 0 is not an integer"):
        list(imagereward.load("test", task, folder))


@pytest.mark.parametrize("task", imagereward.BENCHMARK.tasks)
def test_half_a_picture_says_where_it_stands_when_it_is_looked_at(folder, task):
    corruption.halve_member(folder / "images/test/test_1.zip", "test_1-0-1.webp")
    errors = corruption.picture_errors(imagereward.load("test", task, folder))
    assert errors
    assert all("metadata-test.parquet, row 2, column image_path: " in error for error in errors)


def test_rows_without_a_picture_are_left_out_and_counted(folder, capsys):
    corruption.set_cell(folder / "metadata-test.parquet", 2, "image_path", "images/test/test_1/gone.webp")
    assert len(list(imagereward.load("test", folder=folder))) == 9
    assert "imagereward quality test: 9 samples; rows left out: no image 1" in capsys.readouterr().err
