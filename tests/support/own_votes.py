"""Somebody's table of judgments: column names of their own, made-up images, a few rows that cannot be used."""

import csv
import random
from pathlib import Path

from PIL import Image

#: What its user writes about it.
COLUMNS = (
    'image=img_path, text=caption_shown, label=fits, label_map="TRUE:yes,FALSE:no", form=pointwise, '
    'question="Does the image match the caption?", task=topic'
)
_COLOURS = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 220), "black": (0, 0, 0)}


def write(folder: Path, rows: int, per_image: int = 3) -> Path:
    """A CSV of that many rows, `per_image` rows an image. Image 2 is damaged, and image 4 is not there."""
    (folder / "pics").mkdir(parents=True)
    chance = random.Random(7)
    with (folder / "votes.csv").open("w", newline="", encoding="utf-8-sig") as file:
        table = csv.writer(file)
        table.writerow(["img_path", "caption_shown", "fits", "topic", "why", "remarks", ""])
        for number in range(rows):
            image, colour = number // per_image, chance.choice([*_COLOURS])
            if number % per_image == 0:
                _draw(folder / f"pics/{image:05}.png", colour, chance)
            claimed = chance.choice([*_COLOURS])
            fits = str(colour == claimed).upper()
            topic = "colours" if number % 4 else "shades"
            why = f"It is {colour}." if number % 2 else ""
            table.writerow([f"pics/{image:05}.png", f"a {claimed} thing, {number}", fits, topic, why, "", ""])
    whole = (folder / "pics/00002.png").read_bytes()
    (folder / "pics/00002.png").write_bytes(whole[: len(whole) // 2])
    (folder / "pics/00004.png").unlink()
    return folder / "votes.csv"


def _draw(path: Path, colour: str, chance: random.Random) -> None:
    image = Image.new("RGB", (32, 32), "white")
    for _ in range(12):
        left, top = chance.randrange(26), chance.randrange(26)
        shade = tuple(min(255, part + chance.randrange(40)) for part in _COLOURS[colour])
        image.paste(shade, (left, top, left + chance.randrange(3, 9), top + chance.randrange(3, 9)))
    image.save(path)
