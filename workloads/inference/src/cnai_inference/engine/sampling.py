"""From logits to one token per request; a row's token depends on its own logits, parameters and random number only."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from cnai_inference.engine.request import Sampling, Token

WIDTH = 256
"""Likeliest tokens looked at first where top_p applies; a flatter distribution is sorted whole."""


class Drawer(Protocol):
    """What sampling needs to know of a request."""

    @property
    def sampling(self) -> Sampling: ...

    counts: dict[int, int]
    """How often each token was generated."""

    def uniform(self) -> float: ...


def sample(logits: Tensor, rows: Sequence[Drawer]) -> list[Token]:
    """`logits` is [rows, vocabulary]."""
    if all(row.sampling.plain_greedy for row in rows):
        return [Token(token) for token in logits.argmax(-1).tolist()]
    logits = logits.float()
    raw = logits
    if any(row.sampling.reshapes for row in rows):
        logits = reshaped(logits, rows)
    chosen = logits.argmax(-1).tolist()
    drawn = [index for index, row in enumerate(rows) if row.sampling.temperature > 0]
    if drawn:
        for index, token in zip(drawn, draw(logits[drawn], [rows[index] for index in drawn]), strict=True):
            chosen[index] = token
    return described(raw, rows, chosen)


def reshaped(logits: Tensor, rows: Sequence[Drawer]) -> Tensor:
    """Penalties and biases as OpenAI defines them: counted over generated tokens, before the temperature."""
    logits = logits.clone()
    for index, row in enumerate(rows):
        sampling = row.sampling
        if row.counts and (sampling.presence_penalty or sampling.frequency_penalty):
            seen = torch.tensor(list(row.counts))
            times = torch.tensor(list(row.counts.values()), dtype=logits.dtype)
            logits[index, seen] -= sampling.presence_penalty + sampling.frequency_penalty * times
        if sampling.logit_bias:
            at = torch.tensor(list(sampling.logit_bias))
            logits[index, at] += torch.tensor(list(sampling.logit_bias.values()), dtype=logits.dtype)
    return logits


def draw(logits: Tensor, rows: Sequence[Drawer]) -> list[int]:
    temperatures = torch.tensor([[max(row.sampling.temperature, 1e-5)] for row in rows])
    probabilities = torch.softmax(logits / temperatures, dim=-1)
    chosen = [0] * len(rows)
    free, limited = [], []
    for index, row in enumerate(rows):
        (limited if row.sampling.top_p < 1 or row.sampling.top_k else free).append(index)
    for group, pick in ((free, inverted), (limited, nucleus)):
        if group:
            tokens = pick(probabilities[group], [rows[index] for index in group])
            for index, token in zip(group, tokens, strict=True):
                chosen[index] = token
    return chosen


def inverted(probabilities: Tensor, rows: Sequence[Drawer]) -> list[int]:
    """The inverse of the cumulative distribution at one random number per row."""
    sums = probabilities.double().cumsum(-1)
    targets = torch.tensor([[row.uniform()] for row in rows], dtype=torch.float64) * sums[:, -1:]
    found = torch.searchsorted(sums, targets, right=True)
    return found.clamp_(max=sums.shape[-1] - 1).squeeze(-1).tolist()


def nucleus(probabilities: Tensor, rows: Sequence[Drawer]) -> list[int]:
    """As `inverted`, over the likeliest tokens that top_k and top_p leave."""
    vocabulary = probabilities.shape[-1]
    top_k = torch.tensor([[row.sampling.top_k or vocabulary] for row in rows])
    top_p = torch.tensor([[row.sampling.top_p] for row in rows], dtype=torch.float64)
    width = min(WIDTH, vocabulary)
    ordered, tokens = probabilities.topk(width)
    reach = ordered.double().sum(-1, keepdim=True)
    if width < vocabulary and bool(((reach < top_p) & (top_k > width)).any()):
        ordered, tokens = probabilities.sort(descending=True, stable=True)
    ordered = ordered.double()
    before = ordered.cumsum(-1) - ordered
    kept = torch.where((before < top_p) & (torch.arange(ordered.shape[-1]) < top_k), ordered, 0.0)
    picked = inverted(kept, rows)
    return [int(tokens[index, at]) for index, at in enumerate(picked)]


def described(logits: Tensor, rows: Sequence[Drawer], chosen: Sequence[int]) -> list[Token]:
    """The tokens, with log probabilities of the unchanged distribution where asked for."""
    asked = [index for index, row in enumerate(rows) if row.sampling.logprobs is not None]
    tokens = [Token(token) for token in chosen]
    if asked:
        logprobs = torch.log_softmax(logits[asked], dim=-1)
        most = max(rows[index].sampling.logprobs or 0 for index in asked)
        values, ids = (part.tolist() for part in logprobs.topk(max(most, 1)))
        for at, index in enumerate(asked):
            count = rows[index].sampling.logprobs or 0
            top = tuple(zip(ids[at][:count], values[at][:count], strict=True))
            tokens[index] = Token(chosen[index], float(logprobs[at, chosen[index]]), top)
    return tokens
