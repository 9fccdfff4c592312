"""GenAI-Bench's loader on files of its schema, and videos as one picture each."""

from collections import Counter

import pytest
from benchmarks import corruption
from PIL import Image
from real_schema import genai_bench as files

from mtrl_judge_plugin import images
from mtrl_judge_plugin.benchmarks import genai_bench
from mtrl_judge_plugin.benchmarks.reading.frames import sheet, tiles
from mtrl_judge_plugin.benchmarks.reading.rows import DataError

TABLE = "test_v1-00000-of-00001.parquet"
LEFT = {"image_generation": "left_image", "image_edition": "left_output_image", "video_generation": "left_video"}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "genai_bench").mkdir()
    files.write(tmp_path / "genai_bench")
    return tmp_path / "genai_bench"


@pytest.fixture
def video(tmp_path):
    files.write_video(tmp_path / "video.mp4", "video")
    return tmp_path / "video.mp4"


def load(folder, task, **options):
    return list(genai_bench.load("test", task, folder, **options))


@pytest.mark.parametrize("task", genai_bench.BENCHMARK.tasks)
def test_a_vote_is_for_the_left_the_right_both_or_neither(folder, task):
    found = load(folder, task)
    assert [sample.label for sample in found] == list(genai_bench.CHOICES) * 3
    assert {(sample.form, sample.choices, sample.task) for sample in found} == {("pairwise", genai_bench.CHOICES, task)}
    assert all(len(sample.letters) == 2 and not sample.responses for sample in found)
    assert Counter(Counter(sample.group for sample in found).values()) == {2: 6}
    assert len({sample.id for sample in found}) == 12


def test_the_other_edition_is_an_option(folder):
    assert len(load(folder, "image_generation", edition="test")) == 16
    with pytest.raises(DataError, match="no edition 'v2'; there are test_v1, test"):
        load(folder, "image_generation", edition="v2")


def test_an_edit_is_a_candidate_and_its_source_the_question_s_image(folder):
    sample = load(folder, "image_edition")[0]
    digests = [images.digest(image) for image in sample.all_images]
    assert digests == [
        images.digest(files.hub_image(name, "PNG")["bytes"]) for name in ("source-0", "left-0", "right-0")
    ]
    assert [len(some) for some in (sample.images, *sample.response_images)] == [1, 1, 1]
    assert sample.text == "make the cat a dog"


def test_a_video_is_one_picture_of_its_frames(folder):
    sample = load(folder, "video_generation")[0]
    assert [images.load(image).size for image in sample.images] == [(132, 132)] * 2
    assert "frames of a video in order" in sample.question
    assert images.load(load(folder, "video_generation", frames=9)[0].images[0]).size == (200, 200)


def test_a_video_may_stand_in_the_table(folder):
    table = folder / "video_generation" / TABLE
    data = (folder / "video_generation" / "a.mp4").read_bytes()
    corruption.change(table, lambda rows: [row | {"left_video": {"bytes": data, "path": None}} for row in rows])
    by_name = load(folder, "video_generation", edition="test")
    assert load(folder, "video_generation")[0].images == by_name[0].images


def test_frames_are_evenly_spaced_and_in_order(video):
    picture = images.load(sheet(video))
    corners = [(0, 0), (68, 0), (0, 68), (68, 68)]
    first, second, third, last = [
        sum(picture.crop((left, top, left + 64, top + 64)).resize((1, 1)).getpixel((0, 0))) / 3 for left, top in corners
    ]
    assert 0 <= first < second < third < last
    assert second - first == pytest.approx(last - third, abs=30)
    assert sheet(video.read_bytes()) == sheet(str(video)) == sheet(video)


def test_a_short_video_gives_all_its_frames_and_large_ones_are_scaled_down(tmp_path):
    files.write_video(tmp_path / "short.mp4", "short", frames=2)
    assert images.load(sheet(tmp_path / "short.mp4")).size == (132, 64)
    assert images.load(tiles([Image.new("RGB", (2048, 2048))], columns=1)).size == (512, 512)


@pytest.mark.parametrize("data", [b"", b"no video at all"])
def test_what_is_no_video_is_an_error(data):
    with pytest.raises(images.ImageError, match="cannot be decoded"):
        sheet(data)


def test_a_playlist_opens_no_other_file(video):
    playlist = video.with_name("playlist.m3u8")
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{video.name}\n#EXT-X-ENDLIST\n")
    with pytest.raises(images.ImageError, match=r"playlist\.m3u8.* cannot be decoded"):
        sheet(playlist)


def test_a_folder_without_frames_and_a_missing_file_are_errors(tmp_path):
    with pytest.raises(images.ImageError, match="holds no frame"):
        sheet(tmp_path)
    with pytest.raises(images.ImageError, match=r"none\.mp4.* cannot be decoded"):
        sheet(tmp_path / "none.mp4")


@pytest.mark.parametrize("task", genai_bench.BENCHMARK.tasks)
def test_a_missing_column_is_named(folder, task):
    for column in (LEFT[task], "vote_type"):
        corruption.drop_column(folder / task / TABLE, column)
        with pytest.raises(DataError, match=rf"{task}/{TABLE}, row 1: no column .*{column}; it has "):
            load(folder, task)


@pytest.mark.parametrize("task", genai_bench.BENCHMARK.tasks)
def test_an_empty_split_is_named(folder, task):
    corruption.drop_rows(folder / task / TABLE)
    with pytest.raises(DataError, match=rf"{task}/{TABLE}: holds no row"):
        load(folder, task)


@pytest.mark.parametrize(
    ("task", "column"),
    [("image_generation", "left_image"), ("image_edition", "left_output_image"), ("image_edition", "source_image")],
)
def test_half_a_picture_is_an_error_when_it_is_wanted(folder, task, column):
    corruption.halve_cell(folder / task / TABLE, 3, column)
    (error,) = corruption.picture_errors([load(folder, task)[2]])
    assert f"{task}/{TABLE}, row 3, column {column}: " in error


def test_half_a_video_is_an_error_when_it_is_wanted(folder):
    corruption.halve_file(folder / "video_generation" / "a.mp4")
    broken = load(folder, "video_generation")[2].images[0]
    with pytest.raises(images.ImageError, match=rf"video_generation/{TABLE}, row 3, column left_video: video .*a\.mp4"):
        images.load(broken)


@pytest.mark.parametrize("task", genai_bench.BENCHMARK.tasks)
def test_a_wrong_vote_is_named_with_its_place(folder, task):
    corruption.set_cell(folder / task / TABLE, 4, "vote_type", "downvote")
    with pytest.raises(DataError, match=rf"{task}/{TABLE}, row 4, column vote_type: 'downvote' is none of leftvote"):
        load(folder, task)


@pytest.mark.parametrize("task", genai_bench.BENCHMARK.tasks)
def test_rows_that_lack_a_candidate_are_left_out_and_counted(folder, task, capsys):
    corruption.set_cell(folder / task / TABLE, 1, LEFT[task], None)
    reason = "no video" if task == "video_generation" else "no image"
    assert len(load(folder, task)) == 11
    assert f"genai_bench {task}: 11 samples; rows left out: {reason} 1" in capsys.readouterr().err


def test_videos_are_not_fetched(folder):
    for name in ("a", "b"):
        (folder / "video_generation" / f"{name}.mp4").unlink()
    with pytest.raises(DataError, match=r"genai_bench video_generation: no row can be used \(no video file 12\)"):
        load(folder, "video_generation")
