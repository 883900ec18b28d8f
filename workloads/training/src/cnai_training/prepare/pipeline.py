"""From raw text, conversations and preferences to packed, sharded rows of tokens."""

import hashlib
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from cnai_training import storage
from cnai_training.config import Config, Prepare
from cnai_training.errors import TrainingError
from cnai_training.prepare import chat, rows, shards, sources, tokenizer
from cnai_training.prepare.clean import cleaned, other_language, poor_quality
from cnai_training.prepare.duplicates import Seen
from cnai_training.prepare.personal_data import masked
from cnai_training.prepare.records import Record

Clean = Callable[[Record, Counter[str]], Any]
SPLITS = ("train", "held-out")


def prepare(config: Config) -> dict[str, Any]:
    """Writes `tokenizer/` and `data/{text,chat,preferences}/{train,held-out}/`; gives what was read and left out."""
    opened: list[sources.Source] = []
    written = False
    try:
        report = prepared(config, opened)
        written = True
    finally:
        for source in opened:
            source.end(written)
    return report


def prepared(config: Config, opened: list[sources.Source]) -> dict[str, Any]:
    given, url = config.prepare, config.run
    index, count = share(given.part)
    report: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        kinds: dict[str, Path] = {}
        for kind, (urls, clean) in kinds_of(given).items():
            if urls and not (kind == "preferences" and index):
                kinds[kind] = Path(folder) / kind
                part = share_of(kind, given)
                new = [sources.opened(url, given.bad_records == "skip", part) for url in urls]
                opened += new
                report[kind] = clean_all(new, clean, given, kinds[kind])
                if not report[kind].get("kept") and index == 0:
                    raise TrainingError(
                        f"nothing is left of {', '.join(urls)} ({report[kind]}); give more data or looser filters"
                    )
        if not kinds:
            raise TrainingError("prepare has no source; give prepare.text, prepare.chat or prepare.preferences")
        vocabulary = ready_tokenizer(given, url, kinds, index)
        for kind, path in kinds.items():
            write_kind(config, kind, path, vocabulary, report[kind])
    name = "prepared.json" if count == 1 else f"prepared-{index}.json"
    storage.write_json(storage.join(url, "data", name), report)
    return report


def kinds_of(given: Prepare) -> dict[str, tuple[list[str], Clean]]:
    return {
        "text": (given.text, lambda record, counts: clean_text(record, counts, given)),
        "chat": (given.chat, lambda record, counts: in_language(clean_chat(record, counts), counts, given)),
        "preferences": (
            given.preferences,
            lambda record, counts: in_language(clean_preference(record, counts), counts, given),
        ),
    }


def share(part: str) -> tuple[int, int]:
    try:
        index, count = map(int, part.split("/"))
    except ValueError:
        index, count = 1, 0
    if not 0 <= index < count:
        raise TrainingError(f"prepare.part is {part}; write it as index/count, such as 0/4")
    return index, count


def share_of(kind: str, given: Prepare) -> tuple[int, int]:
    """Preferences are few: one worker takes them all."""
    return (0, 1) if kind == "preferences" else share(given.part)


def clean_all(opened: list[sources.Source], clean: Clean, given: Prepare, path: Path) -> dict[str, int]:
    """Writes what is worth keeping as JSON lines; gives counts of what was read, kept, left out and masked."""
    counts: Counter[str] = Counter()
    seen = Seen(given.near_duplicate)
    with path.open("w", encoding="utf-8") as out:
        for source in opened:
            for record in source.records(counts):
                counts["read"] += 1
                kept = clean(record, counts)
                if kept is None:
                    continue
                if copy := seen.before("\n".join(words_of(kept))):
                    counts[f"duplicate_{copy}"] += 1
                    continue
                counts["kept"] += 1
                out.write(json.dumps(kept, ensure_ascii=False) + "\n")
    return dict(sorted(counts.items()))


def clean_text(record: Record, counts: Counter[str], given: Prepare) -> str | None:
    text = record.get("text")
    if not isinstance(text, str):
        counts["no_text"] += 1
        return None
    text = cleaned(text)
    if why := poor_quality(text, given.minimum_words):
        counts[f"quality_{why}"] += 1
        return None
    if other_language(text, given.languages):
        counts["other_language"] += 1
        return None
    return mask(text, counts)


def in_language(kept: Any, counts: Counter[str], given: Prepare) -> Any:
    if kept is not None and other_language("\n".join(words_of(kept)), given.languages):
        counts["other_language"] += 1
        return None
    return kept


def mask(text: str, counts: Counter[str]) -> str:
    found: Counter[str] = Counter()
    text = masked(text, found)
    counts.update({f"masked_{kind.lower()}": times for kind, times in found.items()})
    return text


def clean_chat(record: Record, counts: Counter[str]) -> list[dict[str, str]] | None:
    messages = record.get("messages")
    if chat.invalid(messages) or not any(m["role"] == "assistant" for m in messages or ()):
        counts["invalid_conversation"] += 1
        return None
    return [{"role": m["role"], "content": mask(cleaned(m["content"]), counts)} for m in messages or ()]


def clean_preference(record: Record, counts: Counter[str]) -> dict[str, Any] | None:
    parts = {name: record.get(name) for name in ("prompt", "chosen", "rejected")}
    if any(chat.invalid(messages) for messages in parts.values()) or parts["chosen"] == parts["rejected"]:
        counts["invalid_preference"] += 1
        return None
    return {
        name: [{"role": m["role"], "content": mask(cleaned(m["content"]), counts)} for m in messages or ()]
        for name, messages in parts.items()
    }


def read_back(path: Path) -> Iterator[Any]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def words_of(kept: Any) -> Iterator[str]:
    if isinstance(kept, str):
        yield kept
    elif isinstance(kept, list):
        yield from (message["content"] for message in kept)
    else:
        for messages in kept.values():
            yield from words_of(messages)


def ready_tokenizer(given: Prepare, url: str, kinds: dict[str, Path], index: int) -> Tokenizer:
    """Trained on this data, or the one that is given; other parts of the data wait for part 0's."""
    target = storage.join(url, "tokenizer")
    if index == 0:
        if given.tokenizer:
            tokenizer.load(given.tokenizer)
            tokenizer.copy(given.tokenizer, target)
        else:
            texts = (text for path in kinds.values() for kept in read_back(path) for text in words_of(kept))
            tokenizer.save(tokenizer.trained(texts, given.vocab_size), target, given.context)
    return tokenizer.load(target)


def held_out(kept: Any, permille: int) -> bool:
    """By the document's own digest: the same answer whatever else is in the data."""
    digest = hashlib.blake2b(json.dumps(kept, ensure_ascii=False).encode(), digest_size=8).digest()
    return int.from_bytes(digest) % 1000 < permille


def write_kind(config: Config, kind: str, path: Path, vocabulary: Tokenizer, report: dict[str, int]) -> None:
    given = config.prepare
    index, count = share_of(kind, given)
    for split in SPLITS:
        wanted = (
            kept for kept in read_back(path) if held_out(kept, given.validation_permille) == (split == "held-out")
        )
        counts = Counter(report)
        url = storage.join(config.run, "data", kind, split)
        if count > 1:
            storage.remove(storage.join(url, shards.MANIFEST))  # of an earlier run in one part
            url = storage.join(url, f"part-{index}")
        writer = shards.Writer(url, given.rows_per_shard)
        writer.write(rows.OF_KIND[kind](wanted, vocabulary, given.context, counts))
        facts = {
            "kind": kind,
            "part": [index, count],
            "context": given.context,
            "vocab_size": vocabulary.get_vocab_size(),
            "tokenizer": tokenizer.digest(storage.join(config.run, "tokenizer")),
        }
        writer.close(facts, counts)
