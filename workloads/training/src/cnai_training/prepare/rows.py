"""Rows of tokens for each kind of data: what the training steps read."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from tokenizers import Tokenizer

from cnai_training.prepare import chat, shards


def text_rows(kept: Iterable[str], vocabulary: Tokenizer, context: int, _: Counter[str]) -> Iterator[shards.Row]:
    end = vocabulary.token_to_id(chat.END_OF_TEXT)
    begin = vocabulary.token_to_id(chat.BEGIN)
    documents = ([begin, *e.ids, end] for batch in batched(kept, 1000) for e in vocabulary.encode_batch_fast(batch))
    return shards.packed_text(documents, context)


def batched(items: Iterable[str], size: int) -> Iterator[list[str]]:
    batch: list[str] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def chat_rows(kept: Iterable[Any], vocabulary: Tokenizer, context: int, counts: Counter[str]) -> Iterator[shards.Row]:
    def conversations() -> Iterator[tuple[list[int], list[int]]]:
        for messages in kept:
            tokens, learned = chat.encoded(vocabulary, messages)
            counts["truncated"] += len(tokens) > context + 1
            if any(learned[1 : context + 1]):
                yield tokens, learned

    return shards.packed_chat(conversations(), context, vocabulary.token_to_id(chat.PAD))


def preference_rows(
    kept: Iterable[Any], vocabulary: Tokenizer, context: int, counts: Counter[str]
) -> Iterator[shards.Row]:
    pad = vocabulary.token_to_id(chat.PAD)
    for pair in kept:
        row: shards.Row = {}
        for side in ("chosen", "rejected"):
            prompt, _ = chat.encoded(vocabulary, pair["prompt"])
            tokens, learned = chat.encoded(vocabulary, pair["prompt"] + pair[side])
            learned[: len(prompt)] = [0] * len(prompt)
            counts["truncated"] += len(tokens) > context + 1
            cut = {"tokens": tokens[: context + 1], "learned": learned[: context + 1]}
            whole = shards.padded(cut, context, pad)
            row[side], row[f"{side}_learned"] = whole["tokens"], whole["learned"]
        if any(row["chosen_learned"]) and any(row["rejected_learned"]):
            yield row


OF_KIND = {"text": text_rows, "chat": chat_rows, "preferences": preference_rows}
