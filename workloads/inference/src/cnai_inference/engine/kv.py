"""Keys and values of a batch: one row per running request, the rows in use side by side."""

from collections.abc import Sequence

import torch
from torch import Tensor


class SlotCache:
    """`data` is [layers, 2, rows, kv_heads, capacity, head_size]; the capacity grows by doubling up to `limit`."""

    def __init__(
        self, *, layers: int, rows: int, kv_heads: int, head_size: int, limit: int, dtype: torch.dtype
    ) -> None:
        self.limit = limit
        self.rows = rows
        self._shape = (layers, 2, rows, kv_heads)
        self._head_size = head_size
        self._dtype = dtype
        self._allocate(min(limit, 256))

    def _allocate(self, capacity: int) -> None:
        self.capacity = capacity
        # Zeros, not empty: a masked position times NaN would still be NaN.
        self.data = torch.zeros(*self._shape, capacity, self._head_size, dtype=self._dtype)
        self.layers = [(layer[0], layer[1]) for layer in self.data]

    def reserve(self, length: int) -> None:
        if length <= self.capacity:
            return
        old, used = self.data, self.capacity
        self._allocate(min(self.limit, max(length, 2 * used)))
        self.data[..., :used, :] = old

    def move(self, source: int, target: int, length: int) -> None:
        if source != target:
            self.data[:, :, target, :, :length] = self.data[:, :, source, :, :length]

    def swap(self, a: int, b: int, length: int) -> None:
        """Exchanges two rows, as far as either is filled."""
        if a != b:
            kept = self.read(a, 0, length)
            self.move(b, a, length)
            self.write(b, 0, kept)

    def read(self, row: int, start: int, end: int) -> Tensor:
        return self.data[:, :, row, :, start:end].clone()

    def write(self, row: int, start: int, block: Tensor) -> None:
        self.data[:, :, row, :, start : start + block.shape[-2]] = block


class StepCache:
    """One forward's view of the rows `first` to `last`, in the form in which a transformers model uses its cache."""

    is_compileable = False

    def __init__(self, cache: SlotCache, first: int, positions: Tensor, length: int) -> None:
        """`positions` is [rows, tokens], where each token's keys and values go; attention sees `length` of them."""
        self._layers = cache.layers
        self._rows = slice(first, first + positions.shape[0])
        self._index = torch.arange(positions.shape[0])[:, None]
        self._positions = positions
        self._length = length

    def update(self, keys: Tensor, values: Tensor, layer_idx: int, *_: object, **__: object) -> tuple[Tensor, Tensor]:
        cached_keys, cached_values = self._layers[layer_idx]
        cached_keys, cached_values = cached_keys[self._rows], cached_values[self._rows]
        cached_keys[self._index, :, self._positions] = keys.transpose(1, 2)
        cached_values[self._index, :, self._positions] = values.transpose(1, 2)
        return cached_keys[:, :, : self._length], cached_values[:, :, : self._length]

    def get_seq_length(self, layer_idx: int = 0) -> int:
        return 0


def causal(starts: Sequence[int], tokens: int) -> tuple[Tensor, Tensor, int]:
    """Positions [rows, tokens], a mask [rows, 1, tokens, length] that is true where a token looks, and the length."""
    positions = torch.tensor(starts)[:, None] + torch.arange(tokens)
    length = max(starts) + tokens
    return positions, (torch.arange(length) <= positions[:, None, :, None]), length
