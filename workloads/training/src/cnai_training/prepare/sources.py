"""Where records come from: files and object stores, Hugging Face data sets, a Kafka topic."""

import gzip
from collections import Counter
from collections.abc import Iterator
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

import fsspec
from fsspec.core import get_fs_token_paths

from cnai_training.errors import TrainingError
from cnai_training.prepare.records import Record, parsed, reason

TEXT = (".txt", ".md")
LINES = (".jsonl", ".jsonl.gz", ".ndjson")


class Source(Protocol):
    def records(self, counts: Counter[str]) -> Iterator[Record]:
        """Each record once; a bad one raises or is counted as `bad_record`."""
        ...

    def end(self, written: bool) -> None:
        """Called once: whether what was read is now safely written."""
        ...


class Files:
    """Text files are one record each; JSON lines are one record a line. Files come in the order of their names.

    Workers share out files, or records where there are fewer files than workers.
    """

    def __init__(self, url: str, skip_bad: bool, part: tuple[int, int]) -> None:
        self.url, self.skip_bad, self.part = url, skip_bad, part

    def paths(self) -> list[Any]:
        fs, _, paths = get_fs_token_paths(self.url, mode="rb")
        if len(paths) == 1 and fs.isdir(paths[0]):
            paths = fs.find(paths[0])
        paths = sorted(path for path in paths if str(path).endswith(TEXT + LINES) and fs.exists(path))
        if not paths:
            raise TrainingError(f"{self.url} holds no file to read; give files that end in {', '.join(TEXT + LINES)}")
        return [(fs, path) for path in paths]

    def records(self, counts: Counter[str]) -> Iterator[Record]:
        paths, (index, count) = self.paths(), self.part
        if len(paths) >= count:
            yield from self.read(paths[index::count], counts)
        else:
            yield from (record for number, record in enumerate(self.read(paths, counts)) if number % count == index)

    def read(self, paths: list[Any], counts: Counter[str]) -> Iterator[Record]:
        for fs, path in paths:
            with fs.open(path, "rb") as raw:
                stream = gzip.GzipFile(fileobj=raw) if str(path).endswith(".gz") else raw
                pieces = [stream.read()] if str(path).endswith(TEXT) else stream
                for number, piece in enumerate(pieces, start=1):
                    if not piece.strip():
                        continue
                    try:
                        yield parsed(piece, is_json=not str(path).endswith(TEXT))
                    except ValueError as error:
                        if not self.skip_bad:
                            where = path if str(path).endswith(TEXT) else f"{path}, line {number},"
                            raise TrainingError(
                                f"{where} is no usable record ({reason(error)}); mend it, or set "
                                'prepare.bad_records = "skip"'
                            ) from None
                        counts["bad_record"] += 1

    def end(self, written: bool) -> None:
        """Files stay as they are."""


class HuggingFace:
    """`dataset:NAME?split=train&field=text`: streamed; other keys go to `datasets.load_dataset`."""

    def __init__(self, url: str, part: tuple[int, int]) -> None:
        self.name, _, query = url.removeprefix("dataset:").partition("?")
        self.options = dict(parse_qsl(query))
        self.part = part

    def records(self, counts: Counter[str]) -> Iterator[Record]:
        import datasets

        options = dict(self.options)
        field = options.pop("field", "text")
        split = options.pop("split", "train")
        index, count = self.part
        try:
            rows = datasets.load_dataset(self.name, split=split, streaming=True, **options)
            for number, row in enumerate(rows):
                if number % count == index:
                    yield {**row, "text": row[field]} if field in row else dict(row)
        except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
            said = " ".join(str(error).split())
            raise TrainingError(f"dataset {self.name}: {said}; check its name, split and options") from None

    def end(self, written: bool) -> None:
        """Nothing is held."""


def opened(url: str, skip_bad: bool, part: tuple[int, int]) -> Source:
    if url.startswith("kafka://"):
        from cnai_training.prepare.kafka import Kafka

        return Kafka(url)
    if url.startswith("dataset:"):
        return HuggingFace(url, part)
    scheme = urlsplit(url).scheme if "://" in url else "file"
    if scheme not in fsspec.available_protocols():
        raise TrainingError(
            f"{url}: {scheme} is no kind of source; give a path, s3://…, gs://…, dataset:… or kafka://…"
        )
    return Files(url, skip_bad, part)
