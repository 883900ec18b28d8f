"""Rows of tokens packed from documents, and written as numbered NumPy files with a manifest."""

import hashlib
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from cnai_training import storage

Row = dict[str, list[int]]
MANIFEST, FORMAT = "manifest.json", 2


def packed_text(documents: Iterable[list[int]], context: int) -> Iterator[Row]:
    """One stream cut into rows of `context + 1`; a row begins with the last token of the one before."""
    stream: list[int] = []
    for document in documents:
        stream += document
        start = 0
        while len(stream) - start > context:
            yield {"tokens": stream[start : start + context + 1]}
            start += context
        del stream[:start]


def packed_chat(
    conversations: Iterable[tuple[list[int], list[int]]], context: int, pad: int, open_rows: int = 32
) -> Iterator[Row]:
    """Whole conversations, first-fit into a few open rows; a conversation longer than a row loses its end."""
    rows: list[Row] = []
    for tokens, learned in conversations:
        tokens, learned = tokens[: context + 1], learned[: context + 1]
        row = next((row for row in rows if len(row["tokens"]) + len(tokens) <= context + 1), None)
        if row is None:
            if len(rows) == open_rows:
                yield padded(rows.pop(0), context, pad)
            row = {"tokens": [], "learned": [], "documents": []}
            rows.append(row)
        number = row["documents"][-1] + 1 if row["documents"] else 1
        row["tokens"] += tokens
        row["learned"] += learned
        row["documents"] += [number] * len(tokens)
    for row in rows:
        yield padded(row, context, pad)


def padded(row: Row, context: int, pad: int) -> Row:
    missing = context + 1 - len(row["tokens"])
    fill = {"tokens": pad}
    return {name: values + [fill.get(name, 0)] * missing for name, values in row.items()}


class Writer:
    """Shards of at most `rows_per_shard` rows; the manifest comes last, so that half a data set is none."""

    def __init__(self, url: str, rows_per_shard: int) -> None:
        self.url, self.rows_per_shard = url, rows_per_shard
        self.shards: list[dict[str, Any]] = []
        self._rows: list[Row] = []
        storage.remove(url)

    def write(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self._rows.append(row)
            if len(self._rows) == self.rows_per_shard:
                self._flush()

    def _flush(self) -> None:
        files: dict[str, dict[str, str]] = {}
        for name in self._rows[0]:
            content = io.BytesIO()
            np.save(content, np.array([row[name] for row in self._rows], dtype=np.int32))
            file = f"{len(self.shards):05d}.{name}.npy"
            storage.write_bytes(storage.join(self.url, file), content.getvalue())
            files[name] = {"file": file, "sha256": hashlib.sha256(content.getvalue()).hexdigest()}
        self.shards.append({"rows": len(self._rows), "fields": files})
        self._rows = []

    def close(self, facts: dict[str, Any], counts: Counter[str]) -> dict[str, Any]:
        if self._rows:
            self._flush()
        rows = sum(shard["rows"] for shard in self.shards)
        manifest = {
            "format": FORMAT,
            **facts,
            "rows": rows,
            "counts": dict(sorted(counts.items())),
            "shards": self.shards,
        }
        storage.write_json(storage.join(self.url, MANIFEST), manifest)
        return manifest
