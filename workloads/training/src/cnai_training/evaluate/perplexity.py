"""Perplexity on the text that was held out."""

import math

import torch

from cnai_training import hf, storage
from cnai_training.config import Config
from cnai_training.data import Rows
from cnai_training.errors import TrainingError
from cnai_training.model import Llama, fill
from cnai_training.objectives import language, next_token_loss
from cnai_training.prepare import tokenizer

BATCH = 8


def loaded(url: str, device: torch.device) -> Llama:
    config = hf.read_config(url)
    with torch.device("meta"):
        model = Llama(config)
    model.to_empty(device=device)
    if config.tie_embeddings:
        model.lm_head.weight = model.model.embed_tokens.weight
    fill(model.named_parameters(), hf.weights(url))
    return model.eval()


@torch.no_grad()
def measured(config: Config, url: str) -> float:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    rows = Rows(storage.join(config.run, "data", "text", "held-out"))
    if rows.rows == 0:
        raise TrainingError(f"{rows.url} is empty: no text was held out; raise prepare.validation_permille")
    if tokenizer.digest(url) != rows.tokenizer:
        raise TrainingError(
            f"{rows.url} was prepared with another tokenizer than {url} has; prepare it with the model's"
        )
    model = loaded(url, device)
    total, count = 0.0, 0
    for start in range(0, rows.rows, BATCH):
        micro = language(rows.batch(list(range(start, min(start + BATCH, rows.rows)))), device)
        total += float(next_token_loss(model(micro.tokens), micro.targets))
        count += micro.count
    return math.exp(min(total / count, 700))
