"""Pictures in zip files: which one a name means, what a damaged one says, and that each archive is opened once."""

import multiprocessing
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from benchmarks import corruption
from real_schema import mm_rlhf_rewardbench as mm_files
from real_schema import seetrue as seetrue_files
from real_schema.drawing import picture

from mtrl_judge_plugin import images
from mtrl_judge_plugin.benchmarks import mm_rlhf_rewardbench, seetrue
from mtrl_judge_plugin.benchmarks.reading import images as reading_images
from mtrl_judge_plugin.benchmarks.reading.frames import video_image
from mtrl_judge_plugin.benchmarks.reading.rows import DataError, Row

MEMBERS = ("1.jpg", "images/2.jpg", "long/3.jpg", "a/4.jpg", "b/4.jpg", "./c/5.jpg", "6.jpg", "d/6.jpg", "7.jpg/")


def pack(archive: Path, names=MEMBERS, compression=zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(archive, "w", compression) as opened:
        for name in names:
            opened.writestr(name, b"" if name.endswith("/") else picture(name, "BMP"))
    return archive


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("1.jpg", "1.jpg"),
        ("images/2.jpg", "images/2.jpg"),
        ("2.jpg", "images/2.jpg"),  # packed from a folder above
        ("train/train_1/1.jpg", "1.jpg"),  # packed from a folder below
        ("./images//2.jpg", "images/2.jpg"),
        ("/data/images/2.jpg", "images/2.jpg"),
        ("c/5.jpg", "./c/5.jpg"),
        ("d/6.jpg", "d/6.jpg"),  # the whole name goes before an ending of it
        ("6.jpg", "6.jpg"),
        ("a/4.jpg", "a/4.jpg"),
        ("4.jpg", None),  # two of them
        ("mcq/3.jpg", None),  # another folder's picture
        ("g/3.jpg", None),  # no whole folder: long/
        ("7.jpg", None),  # a folder
        ("8.jpg", None),
        ("", None),
        (".", None),
    ],
)
def test_a_name_means_the_file_of_that_path_and_never_another_folders(tmp_path, name, meant):
    archive = pack(tmp_path / "images.zip")
    about = reading_images.member(archive, name)
    assert (about and about.filename) == meant
    if meant is None:
        assert reading_images.member_digest(archive, name) == name
        with pytest.raises(reading_images.UnusableError, match="no image"):
            reading_images.image_in(archive, name)
    else:
        assert Path(reading_images.image_in(archive, name)).read_bytes() == picture(meant, "BMP")
        assert reading_images.member_digest(archive, name) == reading_images.member_digest(archive, meant)


def test_pictures_of_one_check_sum_and_size_are_two(tmp_path):
    first, second = b"plumless", b"buckeroo"  # two words of one CRC-32
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        archive.writestr("1.png", first)
        archive.writestr("2.png", second)
        archive.writestr("3.png", first)
    with zipfile.ZipFile(tmp_path / "images.zip") as archive:
        assert archive.getinfo("1.png").CRC == archive.getinfo("2.png").CRC
    one, two, three = (reading_images.member_digest(tmp_path / "images.zip", f"{number}.png") for number in (1, 2, 3))
    assert one == three != two


def overwrite(archive: Path, start: int, values: bytes) -> None:
    data = bytearray(archive.read_bytes())
    data[start : start + len(values)] = values
    archive.write_bytes(data)


def in_both_headers(archive: Path, offset: int, value: int) -> None:
    """Set a field of the only member, which stands two bytes further on in the archive's directory."""
    overwrite(archive, offset, bytes([value, 0]))
    overwrite(archive, archive.read_bytes().index(b"PK\x01\x02") + offset + 2, bytes([value, 0]))


@pytest.mark.parametrize(
    ("compression", "damage", "said"),
    [
        (
            zipfile.ZIP_DEFLATED,
            lambda archive: overwrite(archive, 40, b"\xff" * 20),
            "error: Error -3 while decompress",
        ),
        (zipfile.ZIP_LZMA, lambda archive: overwrite(archive, 50, b"\xff" * 20), "LZMAError: "),
        (zipfile.ZIP_STORED, lambda archive: overwrite(archive, 90, b"\xff" * 20), "BadZipFile: Bad CRC-32"),
        (zipfile.ZIP_STORED, lambda archive: in_both_headers(archive, 6, 1), "RuntimeError: .* is encrypted"),
        (zipfile.ZIP_STORED, lambda archive: in_both_headers(archive, 8, 99), "NotImplementedError: .* not supported"),
    ],
)
def test_a_picture_that_cannot_be_unpacked_is_named_with_its_place(tmp_path, compression, damage, said):
    archive = pack(tmp_path / "images.zip", ["1.bmp"], compression)
    damage(archive)
    broken = Row(tmp_path / "t.csv", 3, {"image": "1.bmp"}).image("image", within=archive)
    wanted = rf"t\.csv, row 3, column image: .*images\.zip, 1\.bmp: cannot be unpacked \({said}"
    with pytest.raises(images.ImageError, match=wanted):
        images.load(broken)


@pytest.mark.parametrize(
    ("benchmark", "files", "archive", "table"),
    [
        (seetrue, seetrue_files, "images.zip", "SeeTRUE.csv"),
        (mm_rlhf_rewardbench, mm_files, "mcq.zip", "mm_reward_bench.jsonl"),
    ],
)
def test_an_archive_that_is_none_is_named_with_the_row_that_wants_it(tmp_path, benchmark, files, archive, table):
    files.write(tmp_path)
    pack(tmp_path / archive)
    corruption.halve_file(tmp_path / archive)
    said = rf"{table}, row 1, column image: .*{archive}: no zip file \(File is not a zip file\); download it again"
    with pytest.raises(DataError, match=said):
        list(benchmark.load("test", folder=tmp_path))


def test_a_cache_folder_that_no_video_can_be_put_into_is_named_with_the_row(tmp_path, monkeypatch):
    mm_files.write(tmp_path)
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(DataError, match=r"t\.csv, row 3, column video: .* cannot be unpacked there"):
        video_image(Row(tmp_path / "t.csv", 3, {"video": "video/clip.mp4"}), "video")


@pytest.fixture
def openings(monkeypatch):
    """The archives whose directory this process reads, in order."""
    found = []
    read = zipfile.ZipFile._RealGetContents

    def noted(self):
        found.append(Path(self.filename).name)
        read(self)

    monkeypatch.setattr(zipfile.ZipFile, "_RealGetContents", noted)
    return found


def test_an_archive_is_opened_once_until_it_changes(tmp_path, openings):
    archive = pack(tmp_path / "images.zip")
    openings.clear()
    for _ in range(3):
        reading_images.member_digest(archive, "1.jpg")
        reading_images.image_in(archive, "2.jpg")
    assert openings == ["images.zip"]
    pack(archive, ["other/1.jpg"])
    assert Path(reading_images.image_in(archive, "1.jpg")).read_bytes() == picture("other/1.jpg", "BMP")


def right(archive: Path) -> bool:
    return all(
        reading_images._from_zip(archive, f"{number}.bmp") == picture(f"{number}.bmp", "BMP")
        for _ in range(20)
        for number in range(8)
    )


def test_threads_and_forked_processes_read_the_right_pictures_at_the_same_time(tmp_path):
    archive = pack(tmp_path / "images.zip", [f"{number}.bmp" for number in range(8)], zipfile.ZIP_DEFLATED)
    assert right(archive), "the parent's file is open when the children are forked"
    with multiprocessing.get_context("fork").Pool(3) as children:
        others = children.map_async(right, [archive] * 6)
        with ThreadPoolExecutor(4) as threads:
            assert all(threads.map(right, [archive] * 8))
        assert all(others.get(60))
