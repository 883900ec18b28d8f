"""Rows in an order that follows from the seed and the step alone, whatever the number of workers."""

import bisect
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cnai_training import storage
from cnai_training.errors import TrainingError
from cnai_training.prepare.shards import FORMAT, MANIFEST

Batch = dict[str, Tensor]


class Rows:
    """A prepared data set: one folder with a manifest, or the parts that several workers wrote."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._folders = parts(url)
        manifests = [storage.read_json(storage.join(folder, MANIFEST)) for folder in self._folders]
        if any(not isinstance(manifest, dict) or manifest.get("format") != FORMAT for manifest in manifests):
            raise TrainingError(f"{url} was prepared by another version of this program; prepare the data again")
        whole(url, [tuple(m["part"]) for m in manifests])
        self.context: int = manifests[0]["context"]
        self.vocab_size: int = manifests[0]["vocab_size"]
        self.tokenizer: str = manifests[0]["tokenizer"]
        if len({(m["context"], m["tokenizer"]) for m in manifests}) != 1:
            raise TrainingError(
                f"the parts of {url} differ in context or tokenizer; prepare them with one configuration"
            )
        self._shards: list[tuple[str, dict[str, Any]]] = []
        self._starts: list[int] = []
        self.rows = 0
        for folder, manifest in zip(self._folders, manifests, strict=True):
            for shard in manifest["shards"]:
                self._shards.append((folder, shard))
                self._starts.append(self.rows)
                self.rows += shard["rows"]
        self._array = lru_cache(maxsize=64)(self._opened)

    def _opened(self, number: int, name: str) -> np.ndarray:
        folder, shard = self._shards[number]
        field = shard["fields"][name]
        file = storage.join(folder, field["file"])
        try:
            array = np.load(storage.local_copy(file, field["sha256"]), mmap_mode="r")
        except (OSError, ValueError) as error:
            raise TrainingError(f"{file} cannot be read ({error}); prepare the data again") from None
        if array.shape != (shard["rows"], self.context + 1):
            raise TrainingError(f"{file} is of shape {array.shape}, not of its manifest's; prepare the data again")
        return array

    def batch(self, indices: list[int]) -> Batch:
        """Each field as `[rows, context + 1]` of int64; an index under 0 gives a row of zeros, which nothing learns."""
        places = [(bisect.bisect_right(self._starts, index) - 1, index) for index in indices]
        fields = self._shards[0][1]["fields"]
        batch = {}
        for name in fields:
            rows = [
                self._array(shard, name)[index - self._starts[shard]]
                if index >= 0
                else np.zeros(self.context + 1, dtype=np.int32)
                for shard, index in places
            ]
            batch[name] = torch.from_numpy(np.stack(rows).astype(np.int64))
        batch["real"] = torch.tensor([index >= 0 for index in indices])
        return batch


def parts(url: str) -> list[str]:
    if storage.exists(storage.join(url, MANIFEST)):
        return [url]
    folders = [storage.join(url, name) for name in storage.names(url) if name.startswith("part-")]
    if not folders:
        raise TrainingError(f"{url} holds no prepared data; run `cnai-train prepare` with this configuration first")
    return sorted(folders, key=lambda folder: int(folder.rsplit("-", 1)[1]))


def whole(url: str, present: list[tuple[int, int]]) -> None:
    """Every part is there, and none is of an earlier run with another number of workers."""
    counts = sorted({count for _, count in present})
    if len(counts) > 1:
        raise TrainingError(f"{url} holds parts of runs with {counts} workers; remove the folder and prepare it again")
    if missing := sorted(set(range(counts[0])) - {index for index, _ in present}):
        raise TrainingError(
            f"{url} lacks part {missing[0]} of {counts[0]}; prepare it with prepare.part={missing[0]}/{counts[0]}"
        )


def permuted(index: int, count: int, seed: int) -> int:
    """Where `index` of `range(count)` lands in a shuffle: a Feistel network, so that no table of rows is held."""
    half = max(1, ((count - 1).bit_length() + 1) // 2)
    mask = (1 << half) - 1
    while True:
        left, right = index >> half, index & mask
        for turn in range(4):
            mixed = (right * 0x9E3779B97F4A7C15 + (seed * 4 + turn) * 0xD1B54A32D192ED03) % 2**64
            mixed = ((mixed ^ (mixed >> 29)) * 0xBF58476D1CE4E5B9) % 2**64
            left, right = right, left ^ ((mixed >> 32) & mask)
        index = left << half | right
        if index < count:
            return index


@dataclass(frozen=True)
class Loader:
    """The rows of each step for one data-parallel rank."""

    rows: Rows
    global_batch: int
    micro_batch: int
    seed: int
    rank: int
    ranks: int
    counted: int = 0
    """Rows of a step that are real where not all of them are; 0 makes all real."""

    def __post_init__(self) -> None:
        if self.rows.rows == 0:
            raise TrainingError(f"{self.rows.url} is empty; give more data, or hold out less")

    @property
    def micro(self) -> int:
        """Rows in a micro-batch: no more than this rank's share."""
        return min(self.micro_batch, -(-self.global_batch // self.ranks))

    def indices(self, step: int) -> list[int]:
        """This rank's rows of a step; -1 fills up, so that every rank has as many micro-batches of one shape."""
        share = -(-self.global_batch // self.ranks)
        first = self.rank * share
        places = range(first, min(first + share, self.counted or self.global_batch))
        given = [self.at(step * self.global_batch + place) for place in places]
        return given + [-1] * (-(-share // self.micro) * self.micro - len(given))

    def at(self, position: int) -> int:
        epoch, index = divmod(position, self.rows.rows)
        return permuted(index, self.rows.rows, self.seed * 1_000_003 + epoch)

    def step(self, step: int) -> list[Batch]:
        """Micro-batches, alike in number on every rank."""
        indices = self.indices(step)
        return [self.rows.batch(indices[at : at + self.micro]) for at in range(0, len(indices), self.micro)]
