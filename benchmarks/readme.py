"""Fills the tables of README and docs/study.md from files of runs and weights: no figure is typed.

``.venv/bin/python benchmarks/readme.py RUN… [--demo RUN.JSON] [--cached RUN.JSON]`` rewrites what
stands between ``<!-- table: NAME -->`` and ``<!-- end -->``; tables whose run is not given stay.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from leaderboard.results import Results, load_results
from leaderboard.tables import category_lines, display_order

ROOT = Path(__file__).resolve().parent.parent
PAGES = (ROOT / "README.md", ROOT / "docs" / "study.md")
_BLOCK = re.compile(r"(<!-- table: (\S+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
_WEIGHTS = {
    "tokenizers_zoo/weights/mini-deit": "presence labels of 8 shapes; a RegNet teacher on the "
    "distillation token",
    "tokenizers_zoo/weights/mini-clip": "five captions per scene, contrastive",
    "tokenizers_zoo/weights/mini-mae": "pixels, 75 % of the patches masked",
    "tokenizers_zoo/weights/mini-dino": "pixels, self-distillation over crops",
    "tokenizers_zoo/weights/mini-gvt": "patch features of mini-clip",
    "tokenizers_zoo/weights/mini-gvt-masked": "the same, 60 % of the patches hidden",
    "tokenizers_zoo/weights/mini-deit-100k": "as mini-deit, a tenth of the samples",
    "tokenizers_zoo/weights/mini-clip-100k": "as mini-clip, a tenth of the samples",
    "tokenizers_zoo/weights/mini-mae-100k": "as mini-mae, a tenth of the samples",
    "tokenizers_zoo/weights/mini-dino-100k": "as mini-dino, a tenth of the samples",
    "gvt/weights/mini-lm": "text only: scene descriptions, questions, captions, easy-VQA's train "
    "questions",
}


def main() -> None:
    """Rewrite the pages in place and say which tables were filled."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="*", type=Path, metavar="RUN")
    parser.add_argument("--demo", type=Path, metavar="RUN.JSON", help="a first make demo")
    parser.add_argument("--cached", type=Path, metavar="RUN.JSON", help="a second make demo")
    args = parser.parse_args()
    tables: dict[str, Callable[[], list[list[str]]]] = {"weights": _weights, "speed": _speed}
    for path in args.runs:
        results = load_results(path)
        run = results.run
        scores = json.loads((path / "scores.json").read_text())
        name = run["suite"]
        tables[f"{name}-scores"] = lambda run=run, scores=scores: _scores(run, scores)
        tables[f"{name}-paired"] = lambda run=run, scores=scores: _paired(run, scores)
        tables[f"{name}-categories"] = lambda results=results: _categories(results)
        if "claims" in scores:
            tables[f"{name}-claims"] = lambda scores=scores: _claims(scores["claims"])
    if args.demo:
        timed = [json.loads(path.read_text()) for path in (args.demo, args.cached) if path]
        tables["demo-time"] = lambda: _time(timed)
    filled = []

    def fill(match: re.Match) -> str:
        make = tables.get(match[2])
        if make is None:
            return match[0]
        filled.append(match[2])
        return f"{match[1]}{_markdown(make())}{match[4]}"

    for page in PAGES:
        page.write_text(_BLOCK.sub(fill, page.read_text(encoding="utf-8")), encoding="utf-8")
    print("filled:", ", ".join(filled))


def _markdown(rows: list[list[str]]) -> str:
    rows.insert(1, ["---"] * len(rows[0]))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _cell(estimate: dict | None, unit: str) -> str:
    if estimate is None:
        return "–"
    scale, digits = (100, 1) if unit == "percent" else (1, 2)
    mean, low, high = (f"{estimate[k] * scale:.{digits}f}" for k in ("mean", "low", "high"))
    return f"{mean} ({low}–{high})"


def _scores(run: dict, scores: dict) -> list[list[str]]:
    tasks, frames = run["tasks"], scores["frames"]
    rows = [["row", *(f"{task['title']} ({task['metric_title']})" for task in tasks)]]
    for title, key in (("chance", "chance"), ("majority answer", "majority")):
        row = [title]
        for task in tasks:
            value = frames[task["name"]][key]
            value = value["mean"] if isinstance(value, dict) else value
            row.append("–" if value is None else f"{100 * value:.1f}")
        rows.append(row)
    order = {"control": 0, "tokenizer": 1, "ceiling": 2}
    for column in sorted(run["columns"], key=lambda column: order[column["kind"]]):
        title = column["title"]
        cells = scores["columns"][column["name"]]
        rows.append(
            [
                f"**{title}**" if column["kind"] == "tokenizer" else title,
                *(_cell(cells.get(task["name"]), task["unit"]) for task in tasks),
            ]
        )
    return rows


def _categories(results: Results) -> list[list[str]]:
    """Means by category of the first task, in percent."""
    task = results.tasks[0]
    titles = [column["title"] for column in display_order(results)]
    rows = [[f"{task['title']}, by category", "best constant", *titles]]
    for category in sorted(results.samples[task["name"]].by_category):
        constant, entries = category_lines(results, task, category)
        best = f"{100 * constant.mean:.1f}" if constant else "–"
        rows.append([category, best, *(entry.value if entry else "–" for entry in entries)])
    return rows


def _paired(run: dict, scores: dict) -> list[list[str]]:
    """Differences of every tokenizer to the aligned controls, in points, on percent tasks."""
    controls = [c["name"] for c in run["columns"] if c["kind"] == "control"]
    tasks = [task for task in run["tasks"] if task["unit"] == "percent"]
    pairs = [(task, control) for control in controls for task in tasks]
    rows = [["tokenizer", *(f"{task['title']} − {control}" for task, control in pairs)]]
    for column in run["columns"]:
        if column["kind"] == "tokenizer":
            cells = [
                _difference(scores["differences"][task["name"]], column["name"], control)
                for task, control in pairs
            ]
            rows.append([column["title"], *cells])
    return rows


def _claims(found: list[dict]) -> list[list[str]]:
    """What was claimed, the difference that was found with its interval, and the verdict."""
    rows = [["claim", "on", "difference", "p", "verdict"]]
    for claim in found:
        scale, digits = (100, 1) if claim["unit"] == "percent" else (1, 2)
        apart, p = "–", "–"
        if claim["mean"] is not None:
            parts = (f"{scale * claim[key]:+.{digits}f}" for key in ("mean", "low", "high"))
            apart = "{} ({} to {})".format(*parts)
            p = "< 0.001" if claim["p"] < 0.001 else f"{claim['p']:.3f}"
        rows.append([claim["statement"], claim["scope_title"], apart, p, f"**{claim['verdict']}**"])
    return rows


def _difference(found: list[dict], left: str, right: str) -> str:
    for pair in found:
        if {pair["a"], pair["b"]} == {left, right}:
            sign = 100 if pair["a"] == left else -100
            low, high = sorted((sign * pair["low"], sign * pair["high"]))
            return f"{sign * pair['mean']:+.1f} ({low:+.1f} to {high:+.1f})"
    return "–"


def _time(runs: list[dict]) -> list[list[str]]:
    rows = [["stage", "first run", "everything cached"][: 1 + len(runs)]]
    sums = [_seconds(run) for run in runs]
    for stage in ("features", "alignment", "evaluation", "the rest", "total"):
        rows.append([stage, *(f"{one[stage]:.0f} s" for one in sums)])
    return rows


def _seconds(run: dict) -> dict[str, float]:
    found = dict.fromkeys(("features", "alignment", "evaluation"), 0.0)
    for stage in run["stages"]:
        found[stage["stage"]] += stage["seconds"]
    begin, end = (datetime.fromisoformat(run[key]) for key in ("created", "finished"))
    total = (end - begin).total_seconds()
    return {**found, "the rest": max(0.0, total - sum(found.values())), "total": total}


def _speed() -> list[list[str]]:
    """What ``benchmarks/speed/`` measured last, from docs/speed.json."""
    known = json.loads((ROOT / "docs" / "speed.json").read_text())
    rows = [["measured", "figure"]]
    for name, found in sorted(known.items()):
        if name.startswith("engine"):
            own = found["samples_per_second"]["gvt"]
            against = [f"{found['times_hf_multimodal']:.1f}× lm-eval's hf-multimodal at its best"]
            if found["times_lmms_eval"]:
                against.append(f"{found['times_lmms_eval']:.1f}× lmms-eval's llava_hf")
            against.append(f"{found['times_floor']:.2f}× the time of its forwards alone")
            equal = found.get("answers_equal")
            if equal:
                against.append(f"{min(equal.values())} of {found['requests']} answers equal")
            rows.append([name, f"{own:.0f} samples/s; {'; '.join(against)}"])
        elif name.startswith("continuations"):
            rows.append([name, f"10 cost {found['ten_over_one']:.2f}× one"])
        elif name == "memory":
            once = "once each" if found["every_image_decoded_once"] else "NOT once each"
            rows.append(
                [
                    f"{found['images']:,} images × {found['questions']} questions",
                    f"{found['grown_mib']} MiB more memory; images decoded {once}",
                ]
            )
        elif name == "processes":
            same = "identical" if found["samples_identical"] else "NOT identical"
            rows.append(["2 processes against 1", f"{found['two_over_one']:.2f}×; samples {same}"])
        elif name == "precision":
            rows += [
                [what, f"bfloat16 {ratio:.2f} times as fast as float32"]
                for what, ratio in found["ratios"]
            ]
        elif name == "alignment":
            own, ratio = found["images_per_second"]["kept features"], found["ratio"]
            waiting = 100 * found["share of time waiting for data"]
            against = f"{ratio:.1f}× transformers' Trainer with the encoder in the loop"
            figure = f"{own:.0f} images/s; {against}; {waiting:.1f} % of the time waiting for data"
            rows.append(["alignment on kept features", figure])
        elif name.startswith("streaming"):
            what = f"a stream of {found['rows']:,} images, {name.removeprefix('streaming, ')}"
            figure = "starts after {start_s} s; {grown_mib} MiB more memory at the end"
            rows.append([what, figure.format(**found)])
        elif name == "report":
            size = "{tokenizers} tokenizers × {tasks} tasks × {samples:,} samples".format(**found)
            spent = "{report_core_seconds:.0f} s of one core, {report_peak_mib} MiB".format(**found)
            rows.append([f"report of {size}", f"{spent}; a page of {found['page_mb']} MB"])
    return rows


def _weights() -> list[list[str]]:
    rows = [["weights", "trained with", "samples seen", "seconds", "final loss"]]
    for folder, what in _WEIGHTS.items():
        note = json.loads((ROOT / folder / "provenance.json").read_text())
        seen, seconds = f"{note['samples_seen']:,}", f"{_spent(note):,.0f}"
        rows.append([f"`{folder}`", what, seen, seconds, f"{note['loss']:.3f}"])
    return rows


def _spent(note: dict) -> float:
    """Seconds of a training and of those that it went on from."""
    return note["seconds"] + (_spent(note["init"]) if "init" in note else 0)


if __name__ == "__main__":
    main()
