import threading
from typing import Any

import pytest

from cnai.kube import ApiError
from cnai.sandbox.controllers import reflector
from cnai.sandbox.controllers.reflector import Kind, Reflector


def item(uid: str, version: str = "1") -> dict[str, Any]:
    return {"metadata": {"uid": uid, "name": uid, "resourceVersion": version}}


class Script:
    """An API server whose lists and watches are given beforehand; when they are used up, the reflector is to stop."""

    def __init__(self, *steps: Any) -> None:
        self.steps = list(steps)
        self.stopping = threading.Event()
        self.asked: list[str] = []

    def next(self, asked: str) -> Any:
        self.asked.append(asked)
        step = self.steps.pop(0) if self.steps else ApiError(0, "the end")
        if not self.steps:
            self.stopping.set()
        if isinstance(step, ApiError):
            raise step
        return step

    def listing(self, *_: Any, **__: Any) -> Any:
        return self.next("list"), "1"

    def watch(self, *_: Any, resource_version: str, **__: Any) -> Any:
        yield from self.next(f"watch {resource_version}")


def followed(script: Script, handle: Any = None) -> list[tuple[str | None, str | None]]:
    seen: list[tuple[str | None, str | None]] = []

    def record(before: Any, after: Any) -> None:
        seen.append((before and before["metadata"]["uid"], after and after["metadata"]["uid"]))
        if handle:
            handle(after)

    Reflector(script, Kind("v1", "Service"), record, script.stopping).run()  # pyright: ignore[reportArgumentType]
    return seen


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(reflector, "RETRY_S", 0)
    monkeypatch.setattr(reflector, "MAX_DELAY_S", 0)


def test_a_watch_goes_on_where_the_last_one_ended():
    script = Script([item("a")], [("MODIFIED", item("a", "7")), ("BOOKMARK", item("", "9"))], [])
    assert followed(script) == [(None, "a"), ("a", "a")]
    assert script.asked == ["list", "watch 1", "watch 9"]


def test_what_was_deleted_while_the_server_was_away_is_noticed():
    assert followed(Script([item("a"), item("b")], ApiError(0, "gone away"), [item("b")], [])) == [
        (None, "a"),
        (None, "b"),
        ("a", None),
        ("b", "b"),
    ]


def test_a_version_that_is_too_old_is_answered_by_a_new_list():
    script = Script([item("a")], ApiError(410, "too old"), [item("a")], [])
    followed(script)
    assert script.asked == ["list", "watch 1", "list", "watch 1"]


def test_one_object_that_is_refused_keeps_nothing_from_the_others_and_is_tried_again():
    attempts: list[str] = []

    def refuse_the_first(after: Any) -> None:
        attempts.append(after["metadata"]["uid"])
        if attempts == ["bad"]:
            raise ApiError(422, "no")

    followed(Script([item("bad"), item("good")], [item("bad"), item("good")], []), refuse_the_first)
    assert attempts == ["bad", "good", "bad", "good"]


def test_an_error_that_nobody_foresaw_is_logged_and_does_not_end_the_following(capsys, monkeypatch):
    monkeypatch.setattr(reflector, "MAX_DELAY_S", 0)
    stopping, lists = threading.Event(), []

    class Torn:
        def listing(self, *_: Any, **__: Any):
            lists.append(1)
            if len(lists) == 1:
                raise ValueError("a line that ends half-way")
            stopping.set()
            return [], "1"

        def watch(self, *_: Any, **__: Any):
            return iter(())

    Reflector(Torn(), Kind("v1", "Service"), lambda *_: None, stopping).run()
    assert len(lists) == 2
    assert "half-way" in capsys.readouterr().err
