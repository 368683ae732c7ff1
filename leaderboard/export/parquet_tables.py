"""samples.parquet, scores.parquet, differences.parquet, claims.parquet: answers and numbers.

The rows of one task stand together, in row groups of a quarter million; texts are stored once a
group.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..cells import Cell, Samples
from ..results import Results
from . import tidy
from .material import Material

if TYPE_CHECKING:
    import pyarrow as pa

_GROUP = 262_144  # rows


def export(material: Material, folder: Path) -> list[Path]:
    """Write the tables; that of claims where there are any."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    paths = [_write_samples(material.results, folder / "samples.parquet")]
    tables = [
        ("scores.parquet", tidy.SCORES, tidy.scores(material)),
        ("differences.parquet", tidy.DIFFERENCES, tidy.differences(material)),
    ]
    claims = tidy.claims(material)
    if claims:
        tables.append(("claims.parquet", tidy.CLAIMS, claims))
    for name, fields, records in tables:
        with _whole(folder / name) as temporary:
            columns = {
                key: pa.array([_utf8(record.get(key)) for record in records], _type(key))
                for key in fields
            }
            pq.write_table(pa.table(columns), temporary, compression="zstd")
        paths.append(folder / name)
    return paths


def _type(key: str) -> pa.DataType:
    """Of a column of tidy records, also where all are unknown."""
    import pyarrow as pa

    if key in tidy.FLOATS:
        return pa.float64()
    if key in tidy.COUNTS:
        return pa.int64()
    return pa.bool_() if key in tidy.FLAGS else pa.string()


def _write_samples(results: Results, path: Path) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _schema()
    with _whole(path) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as file:
        for task in results.run["tasks"]:
            waiting, rows = [], 0
            for table in _tables(results, task["name"], schema):
                if waiting and rows + len(table) > _GROUP:
                    file.write_table(pa.concat_tables(waiting).unify_dictionaries(), _GROUP)
                    waiting, rows = [], 0
                waiting.append(table)
                rows += len(table)
            if rows:
                file.write_table(pa.concat_tables(waiting).unify_dictionaries(), _GROUP)
    return path


def _schema() -> pa.Schema:
    import pyarrow as pa

    name = pa.dictionary(pa.int32(), pa.string())
    return pa.schema(
        {
            "task": name,
            "doc_id": pa.int64(),
            "image_id": name,
            "image_sha256": name,
            "category": name,
            "question": name,
            "gold": pa.list_(pa.string()),
            "column": name,
            "kind": name,
            "seed": pa.int64(),
            "answer": name,
            "score": pa.float64(),  # in the task's main metric; null where it failed
            "valid": pa.bool_(),
            "truncated": pa.bool_(),
            "error": name,
        }
    )


def _tables(results: Results, task: str, schema: pa.Schema) -> Iterator[pa.Table]:
    """One table a column and seed, of the rows that were written."""
    import pyarrow as pa

    shared = _shared(results.samples[task])
    for column in results.columns():
        cell = results.cell(column["name"], task)
        for s in range(len(cell.seeds) if cell else 0):
            places = np.flatnonzero(cell.present[s])
            n, at = len(places), pa.array(places)
            columns = {name: values.take(at) for name, values in shared.items()}
            columns |= {
                "task": _repeated(task, n),
                "column": _repeated(column["name"], n),
                "kind": _repeated(column["kind"], n),
                "seed": pa.array(np.full(n, cell.seeds[s])),
                **_own(cell, s, places),
            }
            yield pa.table({name: columns[name] for name in schema.names}, schema=schema)


def _shared(samples: Samples) -> dict[str, pa.Array]:
    """What all columns have in common, one entry a sample."""
    import pyarrow as pa

    texts = {
        "image_id": samples.image_ids,
        "image_sha256": samples.digests,
        "category": samples.categories,
        "question": samples.questions,
    }
    return {
        "doc_id": pa.array(samples.doc_ids, pa.int64()),
        "gold": pa.array([list(map(_utf8, gold)) for gold in samples.gold], pa.list_(pa.string())),
        **{name: _texts(values) for name, values in texts.items()},
    }


def _own(cell: Cell, seed: int, places: np.ndarray) -> dict[str, pa.Array]:
    import pyarrow as pa

    answers, errors = cell.answers[seed], cell.errors[seed]
    failed = np.array([place in errors for place in places.tolist()], dtype=bool)
    return {
        "answer": _texts([answers[place] for place in places]),
        "score": pa.array(cell.scores[seed, places], from_pandas=True),
        "valid": pa.array(~cell.invalid[seed, places] & ~failed),
        "truncated": pa.array(cell.truncated[seed, places]),
        "error": _texts([errors.get(place) for place in places.tolist()]),
    }


def _texts(values: list[str | None]) -> pa.Array:
    import pyarrow as pa

    return pa.array([_utf8(value) for value in values], pa.string()).dictionary_encode()


def _repeated(value: str, n: int) -> pa.Array:
    import pyarrow as pa

    return pa.DictionaryArray.from_arrays(np.zeros(n, dtype=np.int32), pa.array([value]))


def _utf8(value):
    """A value that Parquet can hold; JSON may hold halves of characters."""
    if isinstance(value, str) and not value.isascii():
        return value.encode("utf-8", "replace").decode("utf-8")
    return value


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A file to write that takes its place at ``path`` only when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        temporary = Path(folder) / path.name
        yield temporary
        os.replace(temporary, path)
