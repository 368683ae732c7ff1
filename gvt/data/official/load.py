"""Rows of a published benchmark for lm-eval, from official files or from the hub."""

from __future__ import annotations

import gc
import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gvt.data.hashes import file_hashes
from gvt.data.official.reading import Fields, check
from gvt.data.official.sources import Source, data_root, find_files, missing, source
from gvt.data.reach import in_reach
from gvt.errors import UserError

if TYPE_CHECKING:
    import datasets

Row = dict[str, Any]
SPLIT = "test"


def dataset(source: str, variant: str | None = None, **_: object) -> dict[str, datasets.Dataset]:
    """Return a benchmark for lm-eval's ``custom_dataset``, which passes a task's metadata.

    source: a name in ``sources.yaml``. variant: what its reader knows, such as "legacy".

    Raises:
        UserError: files or images are missing, or an entry is not as its format says.
    """
    from datasets import Dataset

    return {SPLIT: Dataset.from_list(rows(source, variant))}


def rows(name: str, variant: str | None = None) -> list[Row]:
    """Return all rows of a benchmark in the order of its files.

    Columns: doc_id, image_id, image (a path), image_sha256, category, chance, and what the
    benchmark asks: question and answers, or text_in and text_out. Rows out of reach (see
    ``gvt.data.reach``) have an empty image_sha256 and their images are not looked for.

    Raises:
        UserError: as ``dataset``.
    """
    with _no_collection():
        return _rows(source(name), variant)


@contextmanager
def _no_collection() -> Iterator[None]:
    # Millions of new objects and no garbage: Python's collector would take most of the time.
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _rows(one: Source, variant: str | None) -> list[Row]:
    root = data_root()
    files = find_files(one, root) if root else None
    if files:
        return _official(one, files, root, variant)
    mirror = root / "hub" / one.hub.id if root and one.hub else None
    if root and not (mirror and mirror.is_dir()):
        raise missing(one, root)
    if one.hub is None:
        raise UserError(
            f"'{one.name}' is not on the hub; it needs {', '.join(one.files.values())}",
            f"Fetch it from {one.origin} and name the data root with --data_root or $GVT_DATA.",
        )
    from gvt.data.official import hub

    records = hub.records(one, root, reader(one).FIELDS)
    found = _made(one, records, variant)
    hub.add_images(one, root, found, in_reach(len(found)))
    return [_finished(one, row) for row in found]


def reader(one: Source) -> Any:
    """Return the module that knows the source's format."""
    return importlib.import_module(f"gvt.data.official.readers.{one.reader}")


def _official(one: Source, files: dict[str, Path], root: Path, variant: str | None) -> list[Row]:
    found = _made(one, reader(one).records(files, one), variant)
    if not found:
        raise UserError(f"{next(iter(files.values()))}: holds no entries")
    for row in found:
        row["image"] = _image_path(one, root, row)
    near = found[: in_reach(len(found))]
    hashes = file_hashes(row["image"] for row in near)
    absent: dict[str, str] = {}
    for row in near:
        if row["image"] not in hashes:
            absent.setdefault(row["image"], row["where"])
    if absent:
        raise _absent(one, absent, len({row["image"] for row in near}))
    for row in found:
        row["image_sha256"] = hashes.get(row["image"], "")
    return [_finished(one, row) for row in found]


def _made(one: Source, records: Iterator[tuple[str, Fields]], variant: str | None) -> list[Row]:
    """Rows of all entries; those that repeat an earlier one are left out."""
    known = reader(one)
    found, seen = [], set()
    for number, (where, fields) in enumerate(records):
        check(fields, known.FIELDS, where)
        row = known.row(where, fields, one, variant)
        same = row.pop("same_as", None)
        if same is not None:
            if same in seen:
                continue
            seen.add(same)
        row.setdefault("id", number)
        row["where"] = where
        found.append(row)
    return found


def _image_path(one: Source, root: Path, row: Row) -> str:
    try:
        path = one.images.format(row["image"])
    except (ValueError, TypeError):
        raise UserError(f"{row['where']}: {row['image']!r} is no image of {one.images}") from None
    # A file of strangers names the images: none of them lies outside of the data root.
    if path.startswith("/") or (".." in path and ".." in path.split("/")):
        raise UserError(f"{row['where']}: image {row['image']!r} leaves the data root")
    return f"{root}/{path}"


def _absent(one: Source, absent: dict[str, str], total: int) -> UserError:
    first = list(absent.items())[:3]
    named = "; ".join(f"{path} ({where.rpartition('/')[2]})" for path, where in first)
    more = f"; and {len(absent) - 3:,} more" if len(absent) > 3 else ""
    return UserError(
        f"'{one.name}': {len(absent):,} of {total:,} images are missing: {named}{more}",
        f"They come from {one.origin}. Or set --limit so that no missing image is reached.",
    )


def _finished(one: Source, row: Row) -> Row:
    identity = row.pop("id")
    del row["where"]
    return {"doc_id": f"{one.name}-{identity}", **row}
