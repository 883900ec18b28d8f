"""`dataset:NAME` is streamed from a hub over HTTP, by the calls that `datasets` makes."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from hub import Hub

FILES = {
    "README.md": b"---\nlanguage: en\n---\n",
    "data/train.jsonl": b"".join(
        json.dumps({"text": f"The queue has {n} jobs in it, and {n * 7919} tokens were read today."}).encode() + b"\n"
        for n in range(30)
    ),
    "data/test.jsonl": b'{"text": "A text of another split, which is not read at all."}\n',
}


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    Thread(target=hub.serve_forever, daemon=True).start()
    yield hub
    hub.shutdown()
    hub.server_close()


def prepared(hub: Hub, name: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """In a process of its own: the hub's address is read when `datasets` is imported."""
    source = json.dumps([f"dataset:{name}?split=train"])
    overrides = [f"run={folder}/run", f"prepare.text={source}", "prepare.near_duplicate=0.0", "prepare.vocab_size=300"]
    return subprocess.run(
        [sys.executable, "-m", "cnai_training", "prepare", *(p for o in overrides for p in ("--set", o))],
        env={**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(folder / "home")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_data_set_of_a_hub_is_streamed(tmp_path: Path) -> None:
    with serving(Hub("cnai/texts", FILES)) as hub:
        done = prepared(hub, "cnai/texts", tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["text"] == {"kept": 30, "read": 30}
    read = [path for path in hub.asked if path.startswith("GET") and path.endswith(".jsonl")]
    assert read
    assert all(path.endswith("/data/train.jsonl") for path in read)


def test_a_data_set_that_the_hub_lacks_or_breaks_off_is_one_clear_line(tmp_path: Path) -> None:
    with serving(Hub("cnai/texts", FILES, broken=("data/train.jsonl",))) as hub:
        for name in ("cnai/no-such", "cnai/texts"):
            done = prepared(hub, name, tmp_path)
            assert done.returncode == 2, done.stderr
            (said,) = [line for line in done.stderr.splitlines() if line.startswith("cnai-train: ")]
            assert f"dataset {name}: " in said
            assert "Traceback" not in done.stderr
