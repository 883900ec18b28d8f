"""Trains a character-level model to answer questions; one process per GPU, or on the CPU without any."""

import os

import torch
import torch.distributed as dist
from torch import nn
from torch.nn import functional as F  # noqa: N812
from torch.nn.parallel import DistributedDataParallel

DIALOGUE = (
    "Q: what is two plus two? A: four.\nQ: who trains you? A: a TrainJob.\nQ: where? A: on the nodes of a pool.\n"
)
WIDTH, BLOCK, BATCH, STEPS = 128, 64, 32, 200


class Chatbot(nn.Module):
    """One block of causal attention: enough to learn the dialogue by heart."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, WIDTH)
        self.positions = nn.Embedding(BLOCK, WIDTH)
        self.block = nn.TransformerEncoderLayer(
            WIDTH, nhead=4, dim_feedforward=4 * WIDTH, dropout=0.0, batch_first=True
        )
        self.head = nn.Linear(WIDTH, vocabulary)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        length = ids.shape[1]
        mask = nn.Transformer.generate_square_subsequent_mask(length, device=ids.device)
        hidden = self.tokens(ids) + self.positions(torch.arange(length, device=ids.device))
        return self.head(self.block(hidden, src_mask=mask, is_causal=True))


def main() -> None:
    gpu = torch.cuda.is_available()
    dist.init_process_group("nccl" if gpu else "gloo")
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if gpu else torch.device("cpu")
    if gpu:
        torch.cuda.set_device(device)
    torch.manual_seed(dist.get_rank())

    alphabet = sorted(set(DIALOGUE))
    data = torch.tensor([alphabet.index(letter) for letter in DIALOGUE])
    model = DistributedDataParallel(Chatbot(len(alphabet)).to(device))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

    for step in range(STEPS):
        starts = torch.randint(len(data) - BLOCK, (BATCH,)).tolist()
        ids = torch.stack([data[start : start + BLOCK] for start in starts]).to(device)
        targets = torch.stack([data[start + 1 : start + BLOCK + 1] for start in starts]).to(device)
        loss = F.cross_entropy(model(ids).flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if dist.get_rank() == 0 and step % 50 == 0:
            print(f"step {step}: loss {loss.item():.3f}, {dist.get_world_size()} processes", flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
