"""Who may ask the state service, and what its secrets look like."""

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cnai.engine.state import StateService
from cnai.engine.vault import Vault, is_ours, passphrase
from cnai.errors import UserError

STACK = "/api/stacks/sandbox/p/local"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[StateService]:
    with StateService(tmp_path, Vault("passphrase")) as running:
        running.stacks.create({"org": "sandbox", "project": "p", "stack": "local"}, {})
        yield running


def ask(service: StateService, method: str, path: str, body: Any = None, authorization: str | None = None) -> Any:
    given = f"token {service.token}" if authorization is None else authorization
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(service.url + path, data, {"Authorization": given}, method=method)
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read() or b"null")


@pytest.mark.parametrize("authorization", ["", "token ", "token wrong", "update-token wrong", "Bearer x"])
def test_without_the_sessions_token_nothing_is_answered(service: StateService, authorization: str):
    for path in ("/api/user", STACK + "/export", STACK + "/update/abc123"):
        with pytest.raises(urllib.error.HTTPError, match="401"):
            ask(service, "GET", path, authorization=authorization)


def test_an_updates_token_opens_that_update_alone(service: StateService):
    update = ask(service, "POST", STACK + "/update", {})["updateID"]
    token = ask(service, "POST", f"{STACK}/update/{update}", {"journalVersion": 1})["token"]
    assert ask(service, "POST", f"{STACK}/update/{update}/renew_lease", {}, f"update-token {token}") == {"token": token}
    with pytest.raises(urllib.error.HTTPError, match="401"):
        ask(service, "GET", STACK + "/export", authorization=f"update-token {token}")


def test_a_second_update_is_a_conflict(service: StateService):
    first, second = (ask(service, "POST", STACK + "/update", {})["updateID"] for _ in range(2))
    ask(service, "POST", f"{STACK}/update/{first}", {})
    with pytest.raises(urllib.error.HTTPError, match="409"):
        ask(service, "POST", f"{STACK}/update/{second}", {})


def test_an_unknown_stack_is_not_found(service: StateService):
    with pytest.raises(urllib.error.HTTPError, match="404"):
        ask(service, "GET", "/api/stacks/sandbox/p/other/export")


def test_it_listens_on_the_loopback_address_alone(service: StateService):
    assert service.url.startswith("http://127.0.0.1:")


def test_a_ciphertext_opens_with_the_same_passphrase_only():
    sealed = Vault("one").encrypt(b"hunter2")
    assert b"hunter2" not in sealed
    assert Vault("one").decrypt(sealed) == b"hunter2"
    for opener, text in ((Vault("two"), sealed), (Vault("one"), b"short"), (Vault("one"), sealed[:-1] + b"x")):
        with pytest.raises(UserError, match="another passphrase"):
            opener.decrypt(text)


def test_our_ciphertexts_are_told_from_those_of_real_environments():
    assert is_ours(base64.b64encode(Vault("one").encrypt(b"")).decode())
    assert not is_ours("v1:Hn7xQ0:abc")


def test_the_passphrase_is_made_once_and_closed_to_others(tmp_path: Path):
    path = tmp_path / ".cnai" / "passphrase"
    first = passphrase(path)
    path.chmod(0o644)
    assert passphrase(path) == first
    assert len(first) > 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["passphrase"]


@pytest.mark.parametrize("content", [b"", b"short\n", b"\xff" * 40])
def test_a_damaged_passphrase_is_refused_rather_than_encrypted_with(tmp_path: Path, content: bytes):
    path = tmp_path / "passphrase"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"passphrase is damaged"):
        passphrase(path)
