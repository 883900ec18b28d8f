"""Text as it comes is the text decoded at once."""

import random

import pytest
from cnai_inference.engine.text import PENDING, TextStream
from tokenizers import Tokenizer


@pytest.fixture(scope="module")
def tokenizer(model_dir):
    return Tokenizer.from_file(str(model_dir / "tokenizer.json"))


def streamed(tokenizer, ids, stop=()):
    stream, text = TextStream(tokenizer, stop), ""
    for token in ids:
        piece, stopped = stream.push(token)
        text += piece
        if stopped:
            return text, True
    rest, stopped = stream.finish()
    return text + rest, stopped


def test_whole_and_broken_characters_come_as_the_tokenizer_decodes_them(tokenizer):
    ids = tokenizer.encode("naïve 日本語 and 👩‍🚀 slowly").ids
    assert streamed(tokenizer, ids) == (tokenizer.decode(ids), False)
    assert streamed(tokenizer, ids[:-9]) == (tokenizer.decode(ids[:-9]), False)


def test_bytes_that_never_become_a_character_are_given_up_after_a_few(tokenizer):
    lead = tokenizer.token_to_id("ð")
    stream = TextStream(tokenizer, ())
    pieces = [stream.push(lead)[0] for _ in range(3 * (PENDING + 1))]
    assert [bool(piece) for piece in pieces] == 3 * [*[False] * PENDING, True]
    assert stream.push(tokenizer.encode(" fox").ids[0])[0]


def test_random_tokens_lose_no_letters(tokenizer):
    source = random.Random(0)
    for _ in range(50):
        ids = [source.randrange(5, 320) for _ in range(60)]
        text, whole = streamed(tokenizer, ids)[0], tokenizer.decode(ids)
        assert text.replace("\ufffd", "") == whole.replace("\ufffd", "")


def test_a_stop_sequence_in_the_last_bytes_is_met(tokenizer):
    ids = tokenizer.encode("say it").ids
    assert streamed(tokenizer, [*ids, tokenizer.token_to_id("ð")], stop=("\ufffd",)) == ("say it", True)
