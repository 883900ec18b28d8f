"""What is learned: the next token of text or of the assistant's turns, or to prefer one answer to another."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnai_training.data import Batch

IGNORE = -100


@dataclass(frozen=True)
class Micro:
    """One forward pass: what goes in, what should come out, and how many things are judged."""

    tokens: Tensor
    targets: Tensor
    documents: Tensor | None
    count: int


def language(batch: Batch, device: torch.device) -> Micro:
    """Each next token of text; in conversations only those that the assistant writes."""
    targets = batch["tokens"][:, 1:].clone()
    if "learned" in batch:
        targets[batch["learned"][:, 1:] == 0] = IGNORE
    targets[~batch["real"]] = IGNORE
    documents = batch["documents"][:, :-1].to(device) if "documents" in batch else None
    count = int((targets != IGNORE).sum())
    return Micro(batch["tokens"][:, :-1].to(device), targets.to(device), documents, count)


def preference(batch: Batch, device: torch.device) -> Micro:
    """Chosen answers above, rejected ones below; what is judged is pairs."""
    sides = []
    for side in ("chosen", "rejected"):
        targets = batch[side][:, 1:].clone()
        targets[batch[f"{side}_learned"][:, 1:] == 0] = IGNORE
        targets[~batch["real"]] = IGNORE
        sides.append(targets)
    tokens = torch.cat([batch["chosen"], batch["rejected"]])[:, :-1]
    return Micro(tokens.to(device), torch.cat(sides).to(device), None, int(batch["real"].sum()))


def next_token_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Summed over tokens: who calls divides by the count of all ranks."""
    return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), ignore_index=IGNORE, reduction="sum")


def answer_logprobs(logits: Tensor, targets: Tensor) -> Tensor:
    """`[batch]`: the log-probability of each row's judged tokens together."""
    losses = F.cross_entropy(logits.transpose(1, 2).float(), targets, ignore_index=IGNORE, reduction="none")
    return -losses.sum(dim=1)


def dpo_loss(policy: Tensor, reference: Tensor, beta: float) -> Tensor:
    """Rafailov et al. 2023, eq. 7, a value per pair; both are `[2 * pairs]`, chosen first."""
    chosen, rejected = (policy - reference).chunk(2)
    return -F.logsigmoid(beta * (chosen - rejected))


@dataclass(frozen=True)
class Objective:
    """How a batch becomes a pass, and a pass a sum of losses."""

    micro: Callable[[Batch, torch.device], Micro]
    loss: Callable[[nn.Module, Micro], Tensor]
    pipelined: bool
    """Whether the loss follows from the logits alone, so that the last stage can compute it."""


def of_language(compiled: bool = False) -> Objective:
    judged = torch.compile(next_token_loss) if compiled else next_token_loss

    def loss(model: nn.Module, micro: Micro) -> Tensor:
        return judged(model(micro.tokens, micro.documents), micro.targets)

    return Objective(language, loss, pipelined=True)


def of_preference(beta: float, reference: Callable[[], tuple[nn.Module, AbstractContextManager[None]]]) -> Objective:
    """`reference` gives the model to hold to, and what must be entered while it runs."""

    def loss(model: nn.Module, micro: Micro) -> Tensor:
        other, entered = reference()
        with torch.no_grad(), entered:
            held = answer_logprobs(other(micro.tokens), micro.targets)
        pairs = dpo_loss(answer_logprobs(model(micro.tokens), micro.targets), held, beta)
        # A filler pair has no targets: both sides are 0, its loss log 2 teaches nothing and must not count.
        real = (micro.targets != IGNORE).any(dim=1).chunk(2)[0]
        return (pairs * real).sum()

    return Objective(preference, loss, pipelined=False)
