"""A byte-level BPE tokenizer trained on the data, saved as Hugging Face and vLLM read it."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from cnai_training import storage
from cnai_training.errors import TrainingError
from cnai_training.prepare import chat

FILE, SETTINGS = "tokenizer.json", "tokenizer_config.json"


def trained(texts: Iterator[str], vocab_size: int) -> Tokenizer:
    least = len(chat.SPECIAL) + 256
    if vocab_size < least:
        raise TrainingError(f"prepare.vocab_size is {vocab_size}; bytes and markers alone need {least}")
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=chat.SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def settings(context: int) -> dict[str, Any]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": chat.BEGIN,
        "eos_token": chat.END_OF_TURN,
        "pad_token": chat.PAD,
        "additional_special_tokens": chat.SPECIAL,
        "model_max_length": context,
        "clean_up_tokenization_spaces": False,
        "chat_template": chat.TEMPLATE,
    }


def save(tokenizer: Tokenizer, url: str, context: int) -> None:
    storage.write_bytes(storage.join(url, FILE), tokenizer.to_str(pretty=False).encode())
    storage.write_json(storage.join(url, SETTINGS), settings(context))


def load(url: str) -> Tokenizer:
    """For text from outside: markers in it stay plain text."""
    try:
        tokenizer = Tokenizer.from_str(storage.read_bytes(storage.join(url, FILE)).decode())
    except FileNotFoundError:
        raise TrainingError(f"{url} holds no {FILE}; give a tokenizer's or a model's folder") from None
    except Exception as error:  # noqa: BLE001  the library raises nothing narrower for a broken file
        raise TrainingError(f"{url}/{FILE} cannot be read: {error}") from None
    if missing := [name for name in chat.SPECIAL if tokenizer.token_to_id(name) is None]:
        raise TrainingError(f"{url}/{FILE} lacks the markers {', '.join(missing)}; add them, or train one of our own")
    tokenizer.encode_special_tokens = True
    return tokenizer


def digest(url: str) -> str:
    """Of what the tokenizer does, not of how the file is laid out."""
    content = json.loads(storage.read_bytes(storage.join(url, FILE)))
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def copy(source: str, target: str | Path) -> None:
    for name in (FILE, SETTINGS):
        storage.write_bytes(storage.join(str(target), name), storage.read_bytes(storage.join(source, name)))
