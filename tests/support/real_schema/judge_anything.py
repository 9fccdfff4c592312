"""Questions, answers and people's labels in files of their own; eight kinds without sound, and one with it."""

import json
from pathlib import Path

from real_schema.drawing import picture
from real_schema.genai_bench import write_video

MODELS = ("gpt-4o-mllm", "qwen-vl-max")
KINDS = ("Text2Text", "Image2Text", "Video2Text", "Text2Image", "Image2Image", "Text2Video", "Text2Audio")
RUBRICS = ("overall_score", "clarity")


def write(folder: Path) -> None:
    questions, answers, pairs, scores = [], [], [], []
    raw, collected = folder / "X2XRawBenchmark", folder / "ResponseCollection"
    for place in (raw / "images", raw / "videos", collected / "Image", collected / "Video", folder / "Preference"):
        place.mkdir(parents=True)
    for name in ("0", "1", "2"):
        (raw / "images" / f"{name}.jpg").write_bytes(picture(f"question {name}"))
        (collected / "Image" / f"{name}.jpg").write_bytes(picture(f"answer {name}"))
    write_video(raw / "videos" / "q.mp4", "q")
    for name in ("0", "1"):
        write_video(collected / "Video" / f"{name}.mp4", name)
    for number, kind in enumerate(KINDS * 2):
        name = f"{number}_{number:08x}"
        first = "images/0.jpg"
        several = ["images/0.jpg", "images/1.jpg"] if number < len(KINDS) else "['images/0.jpg', 'images/1.jpg']"
        questions.append(
            {
                "uniq_id": f"1732019006_{name}",
                "task_name": kind,
                "question": f"Do it, number {number}.",
                "image_path": several if kind == "Image2Text" else first if kind.startswith("Image") else None,
                "video_path": "videos/q.mp4" if kind.startswith("Video") else None,
            }
        )
        for place, model in enumerate(MODELS):
            output = kind.partition("2")[2].lower()
            content = {
                "text": f"Answer {place}.",
                "image": f"Image/{place}.jpg",
                "video": f"Video/{place}.mp4",
                "audio": "a.wav",
            }
            response = {"type": output, "content": content[output]}
            answers.append(
                {"uniq_id": f"1732019006_{name}", "task_name": kind, "model_name": model, "response": response}
            )
        for rubric in RUBRICS:
            said = {"uniq_id": name, "task_name": kind, "rubric_name": rubric, "comment": ""}
            pairs.append({**said, "model_pair": "gpt-4o_vs_qwen", "choice": str(number % 3)})
            scores.append({**said, "model_name": "qwen", "score": number % 5 + 1, "index": number})
    for path, rows in (
        (raw / "TaskAnything.json", questions),
        (collected / "JudgeAnything.json", answers),
        (folder / "Preference" / "Human_Pairing.json", pairs),
        (folder / "Preference" / "Human_Scoring.json", scores),
    ):
        path.write_text(json.dumps(rows), encoding="utf-8")
