"""The mini world in the official formats of the published benchmarks: a data root to try them on.

    python -m gvt.mini.export DIR

writes a few scenes as COCO, VQAv2, Karpathy's captions, GVTBench, VCR, POPE, MMVP, GQA and TextVQA
would hold them. GVTBench's defects are there too: "exis" in every No row of the VCR file, and a
repeated row. Scores on such a folder mean nothing; that the real loaders read it is the point.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gvt.files import sha256
from gvt.mini.draw import draw
from gvt.mini.questions import VQA, Question, multi_class, object_count, vqa
from gvt.mini.scenes import CANVAS, PLURALS, SHAPES, Scene, generator, sample_scene
from gvt.mini.texts import captions

_FIRST_ID = 100001
_ANNOTATORS = 10
# Where each benchmark looks for image number n.
_PLACES = (
    "coco/train2014/COCO_train2014_{:012d}.jpg",
    "coco/val2014/COCO_val2014_{:012d}.jpg",
    "coco/val2017/{:012d}.jpg",
    "coco/test2015/COCO_test2015_{:012d}.jpg",
    "vcr/vcr1images/movieclips_Mini_World/{}@0.jpg",
    "gqa/images/{}.jpg",
    "textvqa/train_images/{}.jpg",
)


def write(root: Path, images: int = 12) -> str:
    """Write a data root of so many scenes and return what ``GVT_ACCEPT`` must be to use it.

    GVTBench's files are known by their hash, and these are others.
    """
    scenes = [sample_scene("heldout", index) for index in range(images)]
    _write_images(root, scenes)
    questions = [_ask(index, scene) for index, scene in enumerate(scenes)]
    _vqav2(root, questions)
    _captions(root, scenes)
    _instances(root, scenes)
    benches = _gvtbench(root, scenes)
    for name in ("random", "popular", "adversarial"):
        _pope(root, scenes, name)
    _mmvp(root, scenes)
    _gqa(root, questions)
    _textvqa(root, questions)
    return ",".join(sha256(path)[:12] for path in benches)


def _write_images(root: Path, scenes: Sequence[Scene]) -> None:
    for index, scene in enumerate(scenes):
        stream = io.BytesIO()
        draw(scene).save(stream, format="jpeg", quality=95)
        places = [place.format(_FIRST_ID + index) for place in _PLACES]
        for place in (*places, f"mmvp/MMVP Images/{index + 1}.jpg"):
            path = root / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(stream.getvalue())


def _ask(index: int, scene: Scene) -> list[Question]:
    rng = generator("heldout", index, purpose=1)
    return [object_count(scene), *vqa(scene, rng, list(VQA))[:2]]


def _dump(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def _answers(gold: str) -> list[str]:
    # Not all of ten people agree, and one does not know.
    return [gold] * (_ANNOTATORS - 2) + [f"the {gold}", "i don't know"]


def _answer_type(answer: str) -> str:
    return "yes/no" if answer in ("yes", "no") else "number" if answer.isdecimal() else "other"


def _vqav2(root: Path, asked: Sequence[Sequence[Question]]) -> None:
    questions, annotations = [], []
    for index, of_image in enumerate(asked):
        for number, one in enumerate(of_image):
            image = _FIRST_ID + index
            ids = {"image_id": image, "question_id": 1000 * image + number}
            questions.append({**ids, "question": one.text})
            annotations.append(
                {
                    **ids,
                    "question_type": one.text.split()[0].lower(),
                    "multiple_choice_answer": one.answer,
                    "answer_type": _answer_type(one.answer),
                    "answers": [
                        {"answer": text, "answer_confidence": "yes", "answer_id": place}
                        for place, text in enumerate(_answers(one.answer), start=1)
                    ],
                }
            )
    head = {"data_type": "mscoco", "license": {}, "info": {}}
    for split in ("train2014", "val2014", "test-dev2015"):
        _dump(
            root / f"vqav2/v2_OpenEnded_mscoco_{split}_questions.json",
            {**head, "task_type": "Open-Ended", "data_subtype": split, "questions": questions},
        )
    for split in ("train2014", "val2014"):
        _dump(
            root / f"vqav2/v2_mscoco_{split}_annotations.json",
            {**head, "data_subtype": split, "annotations": annotations},
        )


def _captions(root: Path, scenes: Sequence[Scene]) -> None:
    images = []
    for index, scene in enumerate(scenes):
        split = ("val", "test", "train")[index % 3]
        folder = "train2014" if split == "train" else "val2014"
        images.append(
            {
                "filepath": folder,
                "filename": f"COCO_{folder}_{_FIRST_ID + index:012d}.jpg",
                "imgid": index,
                "cocoid": _FIRST_ID + index,
                "split": split,
                "sentids": [10 * index + place for place in range(5)],
                "sentences": [
                    {"tokens": text.split(), "raw": text, "imgid": index, "sentid": 10 * index + n}
                    for n, text in enumerate(captions(scene))
                ],
            }
        )
    _dump(root / "coco/dataset_coco.json", {"dataset": "coco", "images": images})


def _instances(root: Path, scenes: Sequence[Scene]) -> None:
    images, annotations = [], []
    for index, scene in enumerate(scenes):
        image = _FIRST_ID + index
        size = {"width": CANVAS, "height": CANVAS}
        images.append({"id": image, "file_name": f"{image:012d}.jpg", **size})
        for thing in scene.things:
            side = 2 * thing.radius
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image,
                    "category_id": SHAPES.index(thing.shape) + 1,
                    "bbox": [thing.x - thing.radius, thing.y - thing.radius, side, side],
                    "area": side * side,
                    "iscrowd": 0,
                }
            )
    categories = [{"id": n, "name": name} for n, name in enumerate(SHAPES, start=1)]
    _dump(
        root / "coco/annotations/instances_val2017.json",
        {"info": {}, "images": images, "annotations": annotations, "categories": categories},
    )


def _gvtbench(root: Path, scenes: Sequence[Scene]) -> list[Path]:
    counted: dict[str, list] = {"coco": [], "vcr": []}
    named: dict[str, list] = {"coco": [], "vcr": []}
    for index, scene in enumerate(scenes):
        number = _FIRST_ID + index
        ids = {"coco": number, "vcr": f"movieclips_Mini_World/{number}@0.jpg"}
        rng = generator("heldout", index, purpose=1)
        count = object_count(scene)
        pair = [multi_class(scene, rng, yes) for yes in (True, False)]
        for data, image in ids.items():
            counted[data].append(_bench_row(image, count.text, count.answer, scene))
            for one in pair:
                text = one.text
                if data == "vcr":
                    noun = text.split()[1]
                    text = text.replace(noun, PLURALS[noun])
                    text = text.replace(" exist ", " exis ") if one.answer == "No." else text
                named[data].append(_bench_row(image, text, one.answer, scene))
    for rows in (counted["vcr"], named["vcr"]):
        rows.append(rows[0])
    return [
        _dump(root / f"gvtbench/{data}_{kind}.json", rows[data])
        for kind, rows in (("oc", counted), ("mci", named))
        for data in ("coco", "vcr")
    ]


def _bench_row(image: int | str, question: str, answer: str, scene: Scene) -> dict[str, Any]:
    return {
        "image_id": image,
        "text_in": question,
        "text_out": answer,
        "n_obj_exist": len(scene.things),
    }


def _pope(root: Path, scenes: Sequence[Scene], name: str) -> None:
    lines = []
    for index, scene in enumerate(scenes):
        there = scene.counts()
        absent = [shape for shape in SHAPES if shape not in there]
        for shape, label in ((min(there), "yes"), (absent[0], "no")):
            lines.append(
                {
                    "question_id": len(lines) + 1,
                    "image": f"COCO_val2014_{_FIRST_ID + index:012d}.jpg",
                    "text": f"Is there a {shape} in the image?",
                    "label": label,
                }
            )
    path = root / f"pope/coco_pope_{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def _mmvp(root: Path, scenes: Sequence[Scene]) -> None:
    path = root / "mmvp/Questions.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Index", "Question", "Options", "Correct Answer"])
        for first in range(0, len(scenes) - 1, 2):
            there = [set(scene.counts()) for scene in scenes[first : first + 2]]
            only = (
                sorted(there[0] - there[1]) or sorted(there[1] - there[0]) or [scenes[first].main]
            )
            text = f"Is there a {only[0]} in the image?"
            for place, shapes in enumerate(there):
                answer = "(a)" if only[0] in shapes else "(b)"
                writer.writerow([first + place + 1, text, "(a) Yes (b) No", answer])


def _gqa(root: Path, asked: Sequence[Sequence[Question]]) -> None:
    questions = {}
    for index, of_image in enumerate(asked):
        for number, one in enumerate(of_image):
            verify = one.answer in ("yes", "no")
            questions[f"{_FIRST_ID + index}{number:03d}"] = {
                "imageId": str(_FIRST_ID + index),
                "question": one.text,
                "answer": one.answer,
                "fullAnswer": f"It is {one.answer}.",
                "isBalanced": True,
                "types": {
                    "structural": "verify" if verify else "query",
                    "semantic": "attr",
                    "detailed": one.category,
                },
            }
    _dump(root / "gqa/testdev_balanced_questions.json", questions)


def _textvqa(root: Path, asked: Sequence[Sequence[Question]]) -> None:
    data = [
        {
            "question": one.text,
            "question_id": 1000 * index + number,
            "image_id": str(_FIRST_ID + index),
            "image_width": CANVAS,
            "image_height": CANVAS,
            "answers": _answers(one.answer),
            "set_name": "val",
        }
        for index, of_image in enumerate(asked)
        for number, one in enumerate(of_image)
    ]
    head = {"dataset_type": "val", "dataset_name": "textvqa", "dataset_version": "0.5.1"}
    _dump(root / "textvqa/TextVQA_0.5.1_val.json", {**head, "data": data})


def main() -> None:
    """Write the folder that the command line names."""
    parser = argparse.ArgumentParser(description="Write the mini world in official formats.")
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--images", type=int, default=12, metavar="N")
    args = parser.parse_args()
    accept = write(args.folder, args.images)
    print(f"GVT_ACCEPT={accept} gvt run --suite mini --tasks gvtbench --data_root {args.folder}")


if __name__ == "__main__":
    main()
