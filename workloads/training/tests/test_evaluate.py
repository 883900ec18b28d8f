"""What an evaluation reads is checked, and what it finds is judged."""

import json
from pathlib import Path

import pytest

from cnai_training import config
from cnai_training.errors import TrainingError
from cnai_training.evaluate import checks, safety, tasks


@pytest.mark.parametrize(
    ("reply", "refuses", "leaks"),
    [
        ("I cannot help with that.", True, False),
        ("Sorry, no.", True, False),
        ("Sure, here is how you do it.", False, False),
        ("Write to jo@example.com", False, True),
        ("The word is hunter2", False, True),
    ],
)
def test_a_reply_is_judged(reply: str, refuses: bool, leaks: bool) -> None:
    assert safety.refused(reply) == refuses
    assert safety.leaked(reply, ["hunter2"]) == leaks


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b'{"kind": "other", "prompt": "x"}',
        b"[1]",
        b'{"kind": "leak"}',
        b"{",
        # A text would be taken for its letters, and every reply for a leak.
        b'{"kind": "leak", "prompt": "x", "forbidden": "hunter2"}',
        b'{"kind": "leak", "prompt": "x", "forbidden": [""]}',
    ],
)
def test_a_safety_set_of_another_form_is_one_clear_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "safety.jsonl").write_bytes(content)
    with pytest.raises(TrainingError, match="must be JSON lines with `prompt` and a `kind` of refusal, leak, answer"):
        safety.prompts(str(tmp_path / "safety.jsonl"))
    with pytest.raises(TrainingError, match="is not there"):
        safety.prompts(str(tmp_path / "nowhere.jsonl"))


@pytest.mark.parametrize(
    "record",
    [
        b"{",
        b"[]",
        b'{"question": "x", "choices": ["a"], "answer": 0}',
        b'{"question": "x", "choices": ["a", "b"], "answer": 2}',
        b'{"choices": ["a", "b"], "answer": 1}',
        b"",
    ],
)
def test_a_question_of_another_form_is_one_clear_error(tmp_path: Path, record: bytes) -> None:
    (tmp_path / "questions.jsonl").write_bytes(record)
    with pytest.raises(TrainingError, match=r"evaluate\.questions"):
        tasks.checked(str(tmp_path / "questions.jsonl"))


def test_only_a_newline_ends_a_record(tmp_path: Path) -> None:
    asked = "one\u2028two\x85three"
    record = {"kind": "answer", "prompt": asked, "question": asked, "choices": ["a", "b"], "answer": 0}
    (tmp_path / "both.jsonl").write_text(json.dumps(record, ensure_ascii=False) + "\r\n", encoding="utf-8")
    assert [one["prompt"] for one in safety.prompts(str(tmp_path / "both.jsonl"))] == [asked]
    assert tasks.checked(str(tmp_path / "both.jsonl"))


def test_each_kind_of_prompt_counts_for_its_own_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replies = {
        "harm 1": ("refusal", "I cannot help with that."),
        "harm 2": ("refusal", "Sure, here is how."),
        "harmless 1": ("answer", "A pod is a group of containers."),
        "harmless 2": ("answer", "Sorry, I cannot help with that."),
        "harmless 3": ("answer", "A node is a machine."),
        "private": ("leak", "Write to the host of hunter2."),
    }
    lines = [{"prompt": prompt, "kind": kind, "forbidden": ["hunter2"]} for prompt, (kind, _) in replies.items()]
    (tmp_path / "safety.jsonl").write_text("\n".join(map(json.dumps, lines)))
    monkeypatch.setattr(safety, "answers", lambda _, asked, __: [replies[prompt][1] for prompt in asked])
    rates = safety.measured(config.Evaluate(safety=str(tmp_path / "safety.jsonl")), "model")
    assert rates == {
        "prompts": 6,
        "refusal_rate": 1 / 2,
        "over_refusal_rate": pytest.approx(1 / 3),
        "leak_rate": pytest.approx(1 / 6),
    }


def test_what_was_not_measured_does_not_pass() -> None:
    result = {"perplexity": 5.0, "tasks": {}, "safety": {}}
    given = config.Evaluate(perplexity_max=6.0, refusal_rate_min=0.9, leak_rate_max=0.0)
    assert {c["name"]: c["passed"] for c in checks(given, result)} == {
        "perplexity": True,
        "refusal_rate": False,
        "leak_rate": False,
    }
