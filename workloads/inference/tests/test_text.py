"""Text as it comes is the text decoded at once."""

import random
import re

import pytest
from cnai_inference.engine.text import PENDING, TextStream
from tokenizers import Tokenizer, decoders
from tokenizers.models import BPE


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


WORDS = ["<s>", "</s>", "▁", "▁▁", "▁a", "▁b", "a", "b", "!", "▁hello"]
BYTES = [f"<0x{value:02X}>" for value in range(256)]
LLAMA = (decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0))


@pytest.fixture(params=[LLAMA, (decoders.ByteFallback(), decoders.Metaspace())], ids=["llama", "metaspace"])
def sentence_piece(request):
    tokenizer = Tokenizer(BPE({token: index for index, token in enumerate(WORDS + BYTES)}, [], byte_fallback=True))
    tokenizer.decoder = decoders.Sequence(list(request.param))
    tokenizer.add_special_tokens(["<s>", "</s>"])
    return tokenizer


def ids_of(tokenizer, *parts):
    names = [name for part in parts for name in ([part] if isinstance(part, str) else [BYTES[byte] for byte in part])]
    return [tokenizer.token_to_id(name) for name in names]


def test_a_stray_byte_after_a_whole_character_ends_no_stream(sentence_piece):
    ids = ids_of(sentence_piece, "▁hello", "é".encode(), b"\xff", "a", "▁b")
    assert streamed(sentence_piece, ids) == ("helloé\ufffda b", False)


def test_the_space_after_what_was_given_up_stays(sentence_piece):
    ids = ids_of(sentence_piece, "▁hello", *["</s>"] * (PENDING + 1), "▁a", b"\xff" * (PENDING + 1), "▁b")
    assert streamed(sentence_piece, ids)[0] == "hello a" + "\ufffd" * (PENDING + 1) + " b"
    assert streamed(sentence_piece, ids, stop=(" b",))[1]


def test_of_random_pieces_no_word_is_lost_or_doubled(sentence_piece):
    source = random.Random(0)
    kinds = [
        lambda: source.choice(WORDS),
        lambda: source.choice("é日👩").encode(),
        lambda: bytes([source.randrange(128, 256)]),
    ]
    for _ in range(300):
        ids = ids_of(sentence_piece, *(source.choice(kinds)() for _ in range(20)))
        text, whole = streamed(sentence_piece, ids)[0], sentence_piece.decode(ids)
        assert re.sub("[^ab!helo ]", "", text) == re.sub("[^ab!helo ]", "", whole)
