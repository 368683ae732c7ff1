"""The files of a run directory: their fields, and strict readers and writers for them.

A run directory holds ``run.json`` (what was run, on what, with which result files) and
``samples/<column>/seed<k>/<task>.jsonl`` (one row a sample). The writer in ``gvt`` imports this
module, so it needs only the standard library. Fields a reader does not know are kept and ignored.
"""

from __future__ import annotations

import json
import math
import os
import re
import tempfile
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, TypedDict

from .fields import Fields, SchemaError, check, shorten

FORMAT_VERSION = 1
RUN_FILE = "run.json"
SCORES_FILE = "scores.json"
REPORT_FILE = "report.html"

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.,+@=~-]*")


class _LaterColumnFields(TypedDict, total=False):
    """What runs of earlier versions lack."""

    bibtex: list[str]  # the entries of ``citation``
    trained_on: list[str]  # whose images its encoders have seen, as Task.images_from; else unknown


class Column(_LaterColumnFields):
    """One column of the comparison: a tokenizer, a control (blind, random) or the ceiling."""

    name: str
    kind: Literal["tokenizer", "control", "ceiling"]
    title: str
    tokenizer: str | None  # card name, or an expression of such names
    description: str
    card_hash: str
    encoder_parameters: int | None
    encoder_gflops: float | None  # of one image
    feature_tokens: int | None  # tokens an image that leave the encoder
    visual_tokens: int | None  # tokens an image that enter the LLM
    licence: str
    citation: str


def column_without_encoder(
    name: str, kind: Literal["control", "ceiling"], title: str, description: str
) -> Column:
    """A column that no image goes through: nothing to count, to cite or to pay for."""
    return Column(
        name=name,
        kind=kind,
        title=title,
        tokenizer=None,
        description=description,
        card_hash="",
        encoder_parameters=None,
        encoder_gflops=None,
        feature_tokens=None,
        visual_tokens=None,
        licence="",
        citation="",
    )


class ImageFree(TypedDict):
    """What predicts a task's answers best without the image; its rows lie at ``audit_path``."""

    predictor: str
    predictors: dict[str, float]  # cross-validated mean score of each that was tried
    suspects: list[str]  # wording that gives answers away, the worst first


class _LaterTaskFields(TypedDict, total=False):
    """What runs of earlier versions lack. (typing.NotRequired needs Python 3.11.)"""

    bibtex: list[str]  # entries of the papers of its data
    image_free: ImageFree
    constant: bool  # False: a constant answer cannot be scored sample by sample
    category_tells: bool  # True: categories are made of the answers
    skill: Literal["semantics", "fine-grained"]  # what the task asks of a tokenizer
    prompt_hash: str  # of all settings that the model's input, answer and score depend on
    images_from: list[str]  # "coco/val2014": a data set and, where it is known, its split


class Task(_LaterTaskFields):
    """One task; ``metric`` is the key of a sample's ``scores`` that the tables show.

    Unit ``none``: the right answers are not public, so there is no score but a file to submit.
    """

    name: str
    title: str
    metric: str
    metric_title: str
    unit: Literal["percent", "score", "none"]  # percent: per-sample scores lie in [0, 1]
    higher_is_better: bool
    version: str
    dataset_hash: str
    description: str


class _LaterStageFields(TypedDict, total=False):
    """What runs of earlier versions lack."""

    worked: float  # seconds of the encoder itself, without waiting for images; of features alone


class Stage(_LaterStageFields):
    """Wall time of one stage of one column and seed.

    Computed are images (features), steps (alignment) or samples (evaluation) that no cache held.
    """

    column: str
    seed: int
    stage: Literal["features", "alignment", "evaluation"]
    seconds: float
    cached: bool
    samples: int
    computed: int
    peak_memory: int | None  # bytes


class _LaterAlignmentFields(TypedDict, total=False):
    """What runs of earlier versions lack."""

    images_from: list[str]  # as Task.images_from
    held_out: list[list[float]]  # [step, loss] on images that were not trained on


class Alignment(_LaterAlignmentFields):
    """One trained connector; ``curve`` is a list of ``[step, loss]``."""

    column: str
    seed: int
    connector_hash: str
    parameters: int
    steps: int
    samples: int
    curve: list[list[float]]


class _LaterRunFields(TypedDict, total=False):
    """What not every run has."""

    rescored: str  # ISO 8601, when its answers were scored again without a model


class Run(_LaterRunFields):
    """``run.json``."""

    format_version: int
    suite: str
    title: str
    command: list[str]
    created: str  # ISO 8601
    finished: str | None
    seeds: list[int]
    versions: dict[str, str]
    hardware: dict[str, Any]
    config: dict[str, Any]
    columns: list[Column]
    tasks: list[Task]
    stages: list[Stage]
    alignment: list[Alignment]
    warnings: list[str]


class _SampleHalf(TypedDict):
    doc_id: int
    image_id: str
    image: str | None  # path, absolute or relative to the run directory
    image_sha256: str
    category: str | None
    question: str
    gold: list[str]


class _AnswerHalf(TypedDict):
    answer: str | None
    scores: dict[str, float]
    valid: bool
    truncated: bool
    chance: float | None  # probability that a uniform guess over the allowed answers is right
    error: str | None


class Row(_SampleHalf, _AnswerHalf, total=False):
    """One sample of one cell and seed. A failed row has an ``error`` and no ``scores``."""

    question_id: int | str  # what a submission calls the sample


_SAMPLE, _ANSWER = Fields(_SampleHalf), Fields(_AnswerHalf)
SAMPLE_FIELDS, ANSWER_FIELDS = frozenset(_SAMPLE.types), frozenset(_ANSWER.types)
"""The two halves of a row: what all columns say of a sample, and what one says alone."""


def write_run(run_dir: str | Path, run: Run) -> Path:
    """Check ``run`` and write it to ``run_dir/run.json`` atomically. Raises SchemaError."""
    path = Path(run_dir) / RUN_FILE
    validate_run(run, str(path))
    return write_json(path, run)


def read_run(run_dir: str | Path) -> Run:
    """Read and check ``run_dir/run.json``. Raises SchemaError naming the file and the field."""
    path = Path(run_dir) / RUN_FILE
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SchemaError(f"{path}: not found; is {run_dir} a run directory?") from None
    except UnicodeDecodeError as error:
        raise SchemaError(f"{path}: not UTF-8 text ({error.reason})") from None
    except json.JSONDecodeError as error:
        raise SchemaError(f"{path}:{error.lineno}: not JSON ({error.msg})") from None
    except (ValueError, RecursionError) as error:  # a number or a nesting without end
        raise SchemaError(f"{path}: not JSON ({error})") from None
    validate_run(run, str(path))
    return run


def validate_run(run: Any, where: str = RUN_FILE) -> None:
    """Raise SchemaError, starting with ``where``, for the first thing wrong in ``run``."""
    if not isinstance(run, dict):
        raise SchemaError(f"{where}: expected an object, got {type(run).__name__}")
    version = run.get("format_version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise SchemaError(f"{where}: format_version is {version!r}, expected {FORMAT_VERSION}")
    if version > FORMAT_VERSION:
        raise SchemaError(
            f"{where}: format_version {version} is newer than this program reads "
            f"({FORMAT_VERSION}); update gvt"
        )
    check(run, Run, "", where)
    columns = _unique_names(run["columns"], "columns", where)
    _unique_names(run["tasks"], "tasks", where)
    for field in ("stages", "alignment"):
        for i, entry in enumerate(run[field]):
            if entry["column"] not in columns:
                raise SchemaError(f"{where}: {field}[{i}]: no column named {entry['column']!r}")
    for i, entry in enumerate(run["alignment"]):
        for curve in ("curve", "held_out"):
            if any(len(point) != 2 for point in entry.get(curve, ())):
                raise SchemaError(f"{where}: alignment[{i}].{curve}: points must be [step, loss]")


def rows_path(run_dir: str | Path, column: str, seed: int, task: str) -> Path:
    """Where the rows of one cell and seed lie."""
    return Path(run_dir) / "samples" / column / f"seed{seed}" / f"{task}.jsonl"


def submission_path(run_dir: str | Path, column: str, seed: int, task: str) -> Path:
    """Where the answers of one cell and seed lie that somebody else is to score."""
    return Path(run_dir) / "submissions" / column / f"seed{seed}" / f"{task}.json"


def audit_path(run_dir: str | Path, task: str) -> Path:
    """Where the rows of the best prediction without the image lie."""
    return Path(run_dir) / "audit" / f"{task}.jsonl"


def write_rows(path: str | Path, rows: Iterable[Row]) -> Path:
    """Check ``rows`` and write them to a JSON Lines file atomically. Raises SchemaError."""
    lines = []
    for number, row in enumerate(rows, start=1):
        validate_row(row, f"{path}:{number}")
        lines.append(json.dumps(row, ensure_ascii=False, allow_nan=False))
    return write_text(Path(path), "".join(line + "\n" for line in lines))


def read_rows(path: str | Path) -> Iterator[tuple[int, Row]]:
    """Yield ``(line number, row)``. Raises SchemaError naming file and line."""
    for number, line in read_lines(path):
        yield number, parse_row(line, f"{path}:{number}")


def read_lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """Yield ``(line number, line)``. Raises SchemaError for what is no UTF-8 text."""
    try:
        with open(path, encoding="utf-8", newline="\n") as file:
            yield from enumerate(file, start=1)
    except UnicodeDecodeError as error:
        raise SchemaError(f"{path}: not UTF-8 text ({error.reason})") from None


def parse_row(line: str, where: str) -> Row:
    """The row that a line holds. Raises SchemaError, starting with ``where``."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise SchemaError(f"{where}: not JSON ({getattr(error, 'msg', error)})") from None
    validate_row(row, where)
    return row


def validate_row(row: Any, where: str = "row") -> None:
    """Raise SchemaError, starting with ``where``, for the first thing wrong in ``row``."""
    if not isinstance(row, dict):
        raise SchemaError(f"{where}: expected an object, got {type(row).__name__}")
    validate_sample(row, where)
    validate_answer(row, where)


def validate_sample(row: dict[str, Any], where: str) -> None:
    """``validate_row`` for the SAMPLE_FIELDS, which all columns have in common."""
    _SAMPLE.check(row, where)
    for text in row["gold"]:
        if not isinstance(text, str):
            raise SchemaError(f"{where}: gold holds {shorten(text)}, expected str")


def validate_answer(row: dict[str, Any], where: str) -> None:
    """``validate_row`` for the ANSWER_FIELDS, which are the column's own."""
    _ANSWER.check(row, where)
    if not _all_finite(row["scores"].values()):
        for key, value in row["scores"].items():
            if not _all_finite([value]):
                raise SchemaError(
                    f"{where}: scores[{key!r}] is {shorten(value)}, expected a finite number"
                )
    chance = row["chance"]
    if chance is not None and not 0 <= chance <= 1:
        raise SchemaError(f"{where}: chance is {chance!r}, expected 0 to 1")
    if row["error"] is not None and row["scores"]:
        raise SchemaError(f"{where}: a failed row (error is set) must have no scores")


def _all_finite(values: Collection[Any]) -> bool:
    try:
        return bool not in map(type, values) and all(map(math.isfinite, values))
    except (TypeError, OverflowError):
        return False


def write_json(path: Path, value: Any) -> Path:
    """Write ``value`` as indented JSON, atomically; NaN is refused (ValueError)."""
    return write_text(path, json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> Path:
    """Write UTF-8 text so that ``path`` is either the old file or the whole new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace", newline="\n") as file:
            file.write(text)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def _unique_names(entries: list, field: str, where: str) -> set[str]:
    seen: set[str] = set()
    for i, entry in enumerate(entries):
        name = entry["name"]
        if not _NAME.fullmatch(name):
            raise SchemaError(
                f"{where}: {field}[{i}].name {name!r} is also a file name: "
                "letters, digits and _ . , + @ = ~ - only, not starting with a dot"
            )
        if name in seen:
            raise SchemaError(f"{where}: {field}[{i}].name {name!r} appears twice")
        seen.add(name)
    return seen
