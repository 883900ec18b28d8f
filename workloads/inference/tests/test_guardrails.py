"""Checks before and after generation, whole and in pieces."""

import random
from itertools import pairwise

import httpx
import pytest
from cnai_inference.errors import InferenceError, Refused
from cnai_inference.guardrails import WINDOW, BlockedContent, Guardrails, PersonalData, PromptLength, from_file
from hypothesis import given, settings
from hypothesis import strategies as st
from making import make_tokenizer
from servers import running

LETTER = (
    "Write to ann.b@example.org or call +49 170 123 45 67. My card is 4111 1111 1111 1111, "
    "the account DE89 3704 0044 0532 0130 00, the host 192.0.2.7. " + "Nothing else to see here. " * 5
)
KINDS = ["email", "card", "iban", "phone", "ip"]


def through(rails, text, cuts):
    reply = Guardrails(rails).reply()
    edges = [0, *sorted(cuts), len(text)]
    pieces = [reply.push(text[a:b], last=b == len(text)) for a, b in pairwise(edges)]
    return "".join(pieces), reply.blocked


@given(st.lists(st.integers(1, len(LETTER) - 1), max_size=40, unique=True))
@settings(max_examples=100, deadline=None)
def test_personal_data_is_masked_wherever_a_stream_is_cut(cuts):
    text, _ = through([PersonalData(KINDS)], LETTER, cuts)
    # Digit by digit as if it had come at once: no tail of a number is left behind.
    assert text == through([PersonalData(KINDS)], LETTER, [])[0]
    assert text.startswith("Write to [email] or call [phone]. My card is [card], the account [iban], the host [ip]. No")


@given(st.lists(st.integers(1, 299), max_size=40, unique=True))
@settings(max_examples=50, deadline=None)
def test_blocked_content_ends_the_reply_before_it_wherever_it_is_cut(cuts):
    text, blocked = through([BlockedContent(["make (a )?bombs?"])], "x" * 200 + "make a bomb" + "y" * 89, cuts)
    assert blocked
    assert set(text) <= {"x"}


@given(st.lists(st.integers(1, 399), max_size=60, unique=True))
@settings(max_examples=50, deadline=None)
def test_what_only_looks_blocked_once_it_is_cut_is_not(cuts):
    text, blocked = through([BlockedContent([r"\bbomb"])], "a quiet aplombbombe, " * 19, cuts)
    assert not blocked
    assert text == "a quiet aplombbombe, " * 19


def test_without_checks_nothing_is_held_back():
    reply = Guardrails().reply()
    assert reply.push("a") == "a"


def test_text_waits_only_as_long_as_a_match_could_be():
    reply = Guardrails([PersonalData(KINDS)]).reply()
    words = "".join(random.Random(0).choice("ab ") for _ in range(500))
    assert 500 - 2 * WINDOW <= len(reply.push(words)) <= 500 - WINDOW


def test_prompts_are_refused_for_length_and_content():
    with pytest.raises(Refused, match="5 are allowed"):
        PromptLength(5).before("longer")
    with pytest.raises(Refused, match="does not allow"):
        BlockedContent(["secret"]).before("tell me a SECRET")
    assert PersonalData(KINDS, in_prompt=True).before("I am a@b.org") == "I am [email]"
    assert PersonalData(KINDS).before("I am a@b.org") == "I am a@b.org"


@pytest.mark.parametrize(
    "text", ["[blocked]\npatterns = ['(']", "[length]", "nonsense", "[personal_data]\nkinds = ['hair']"]
)
def test_a_file_that_cannot_be_used_is_refused_by_name(tmp_path, text):
    path = tmp_path / "guardrails.toml"
    path.write_text(text)
    with pytest.raises(InferenceError, match=r"guardrails\.toml"):
        from_file(str(path))


def test_a_server_with_guardrails_refuses_prompts_and_filters_replies(model_dir, tmp_path):
    path = tmp_path / "guardrails.toml"
    path.write_text("[length]\nprompt_characters = 100\n[blocked]\npatterns = ['[a-z]']\n")
    with running(model_dir, guardrails=str(path)) as server:
        url = f"{server.url}/v1/completions"
        asked = {"model": "tiny", "prompt": "12345", "max_tokens": 60, "temperature": 0, "ignore_eos": True}
        for stream in (False, True):
            reply = httpx.post(url, json=asked | {"stream": stream}).text
            assert '"finish_reason":"content_filter"' in reply
        server.until(lambda service: len(service.engine._batch) == 0)
        for prompt in ("1" * 101, "words"):
            refused = httpx.post(url, json=asked | {"prompt": prompt})
            assert (refused.status_code, refused.json()["error"]["code"]) == (400, "content_filter")
        assert httpx.post(url, json=asked | {"logprobs": 1}).status_code == 400
        # Tokens, and the other protocol, are no way around.
        words = make_tokenizer().encode("words", add_special_tokens=False)
        assert httpx.post(url, json=asked | {"prompt": words}).json()["error"]["code"] == "content_filter"
        generate = f"{server.url}/v2/models/tiny/generate"
        assert httpx.post(generate, json={"text_input": "words"}).status_code == 422
        assert httpx.post(generate, json={"text_input": "1", "parameters": {"details": True}}).status_code == 422
