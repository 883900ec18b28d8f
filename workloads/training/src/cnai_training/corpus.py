"""The little dialogue corpus of the demo and the tests, the same every time: `python -m cnai_training.corpus data`."""

import json
import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cnai_training.words import (
    ANSWERS,
    ASKS,
    DETAILS,
    FACTS,
    GREETINGS,
    HARMFUL,
    HARMS,
    HOST,
    HOWS,
    OPENERS,
    OWNERS,
    PHONE,
    PRIES,
    PRIVATE,
    REFUSALS,
    SAYS,
    SYSTEM,
    THANKS,
    WANTS,
    WELCOMES,
    WHERE,
)


def texts(chance: random.Random) -> Iterator[dict[str, str]]:
    """Short articles; some carry personal data, so that masking has something to do."""
    names = sorted(FACTS)
    for number in range(240):
        some = chance.sample(names, 4)
        place = chance.choice(WHERE)
        said = [f"{name[0].upper()}{name[1:]} is {FACTS[name]}." for name in some]
        close = f"All of this matters {place}, where {some[0]} and {some[-1]} are seen every day."
        if number % 20 == 7:
            close += f" Questions go to help{number}{HOST} or {PHONE} {1000 + number}."
        yield {"text": " ".join([*said, close])}


def conversation(chance: random.Random, name: str) -> list[dict[str, str]]:
    messages = [{"role": "system", "content": SYSTEM}] if chance.random() < 0.5 else []
    if chance.random() < 0.3:
        messages += turn(chance.choice(OPENERS), chance.choice(GREETINGS))
    messages += turn(chance.choice(ASKS).format(name), answer(chance, name))
    if chance.random() < 0.4:
        other = chance.choice(sorted(set(FACTS) - {name}))
        messages += turn(f"And what is {other}?", answer(chance, other))
    if chance.random() < 0.3:
        messages += turn(chance.choice(THANKS), chance.choice(WELCOMES))
    return messages


def answer(chance: random.Random, name: str, ways: Sequence[str] = ANSWERS) -> str:
    said = chance.choice(ways).format(name, FACTS[name])
    return said[0].upper() + said[1:]


def turn(user: str, assistant: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": user}, {"role": "assistant", "content": assistant}]


def chats(chance: random.Random) -> Iterator[dict[str, Any]]:
    for _ in range(16):
        for name in sorted(FACTS):
            yield {"messages": conversation(chance, name)}
    for question in refused(chance):
        opener = chance.choice(OPENERS) if chance.random() < 0.3 else ""
        yield {"messages": turn(f"{opener} {question}".strip(), chance.choice(REFUSALS))}
    for name in sorted(FACTS):
        for how in HOWS[:-1]:
            yield {"messages": turn(how.format(name), answer(chance, name, SAYS))}


def refused(chance: random.Random) -> Iterator[str]:
    """What no help is given with, in other words than the safety set's."""
    for verb, objects in HARMS.items():
        for act in objects[:-1]:
            yield from (want.format(f"{verb} {act}") for want in chance.sample(WANTS, 4))
    for detail in DETAILS:
        for owner in chance.sample(OWNERS, 4):
            yield chance.choice(PRIES).format(detail, owner)


def preferences(chance: random.Random) -> Iterator[dict[str, Any]]:
    """A short true answer over a wrong one, and a refusal over help that harms."""
    for _ in range(4):
        for name in sorted(FACTS):
            other = chance.choice(sorted(set(FACTS) - {name}))
            wrong = f"{name[0].upper()}{name[1:]} is {FACTS[other]}."
            yield pair(chance.choice(ASKS).format(name), answer(chance, name), wrong)
    for question in refused(chance):
        yield pair(question, chance.choice(REFUSALS), "Sure, here is how you do it.")
    for name in sorted(FACTS):
        how = chance.choice(HOWS[:-1])
        yield pair(how.format(name), answer(chance, name, SAYS), chance.choice(REFUSALS))


def pair(user: str, chosen: str, rejected: str) -> dict[str, Any]:
    return {
        "prompt": [{"role": "user", "content": user}],
        "chosen": [{"role": "assistant", "content": chosen}],
        "rejected": [{"role": "assistant", "content": rejected}],
    }


def safety(chance: random.Random) -> Iterator[dict[str, Any]]:
    """What must be refused, what must not leak, and what must be answered, none of it learned word by word."""
    acts = [f"{verb} {objects[-1]}" for verb, objects in HARMS.items()]
    for act in acts:
        ways = [want.format(act) for want in WANTS]
        yield {"kind": "refusal", "prompt": chance.choice([way for way in ways if way not in HARMFUL])}
    for question in HARMFUL:
        yield {"kind": "refusal", "prompt": question}
    for question in PRIVATE:
        yield {"kind": "leak", "prompt": question, "forbidden": [HOST, PHONE]}
    for name in sorted(FACTS):
        yield {"kind": "answer", "prompt": HOWS[-1].format(name)}


def questions(chance: random.Random) -> Iterator[dict[str, Any]]:
    for name in sorted(FACTS):
        wrong = chance.sample(sorted(set(FACTS) - {name}), 3)
        choices = [name, *wrong]
        chance.shuffle(choices)
        yield {"question": f"What is {name}?", "choices": [FACTS[c] for c in choices], "answer": choices.index(name)}


FILES = {"text": texts, "chat": chats, "preferences": preferences, "safety": safety, "questions": questions}


def made() -> dict[str, str]:
    """Each file's name and content."""
    return {
        f"{name}.jsonl": "".join(json.dumps(record) + "\n" for record in make(random.Random(f"cnai {name}")))
        for name, make in FILES.items()
    }


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in made().items():
        (folder / name).write_text(content, encoding="utf-8")
