"""The six steps against a server that speaks S3 over HTTP: nothing of a run is on this machine's disk."""

import gzip
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import s3fs

from cnai_training import cli, storage
from conftest import DATA, Plan, free_ports, settings
from test_kills import STEPS, moments

RUN = "s3://models/chatbot"
TINY = {"steps": 8, "global_batch": 8, "micro_batch": 4, "checkpoint_every": 4}


@pytest.fixture(scope="module")
def s3() -> Iterator[s3fs.S3FileSystem]:
    """moto's server as a process, named by the environment as a cluster names its own store."""
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with pytest.MonkeyPatch.context() as patch:
        credentials = {"AWS_ACCESS_KEY_ID": "of-the-test", "AWS_SECRET_ACCESS_KEY": "of-the-test"}
        for name, value in {"AWS_ENDPOINT_URL": url, "AWS_DEFAULT_REGION": "us-east-1", **credentials}.items():
            patch.setenv(name, value)
        answering(server, url)
        s3fs.S3FileSystem.clear_instance_cache()
        files = s3fs.S3FileSystem()
        for bucket in ("corpus", "models"):
            files.mkdir(bucket)
        for path in DATA.iterdir():
            files.pipe_file(f"corpus/{path.name}", path.read_bytes())
            files.pipe_file(f"corpus/zipped/{path.name}.gz", gzip.compress(path.read_bytes()))
        yield files
    server.terminate()
    server.wait()
    s3fs.S3FileSystem.clear_instance_cache()


def answering(server: subprocess.Popen[bytes], url: str) -> None:
    for _ in range(300):
        assert server.poll() is None, "moto's server ended"
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
        else:
            return
    raise AssertionError("moto's server does not answer")


def configured(folder: Path, run: str, **sections: Any) -> str:
    """A file of settings whose sources are in the store, as JSON's subset of TOML's values."""
    given = settings(Path("replaced"), **sections)
    given["run"] = run
    given["prepare"] |= {kind: [f"s3://corpus/zipped/{kind}.jsonl.gz"] for kind in ("text", "chat", "preferences")}
    given["evaluate"] = {"questions": "s3://corpus/questions.jsonl", "safety": "s3://corpus/safety.jsonl"}
    lines = [f"run = {json.dumps(given.pop('run'))}"]
    for section, values in given.items():
        lines += [f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    (folder / "config.toml").write_text("\n".join(lines))
    return str(folder / "config.toml")


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    return int(ended.value.code or 0)


def test_the_six_steps_read_from_s3_and_write_to_it(
    s3: s3fs.S3FileSystem, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    loops = dict.fromkeys(("train", "finetune", "align"), TINY)
    file = configured(tmp_path, RUN, prepare={"context": 128}, **loops)
    for command in ("prepare", "train", "finetune", "align", "evaluate"):
        assert call(command, "--config", file) == 0, command
    assert call("export", "--config", file, "--to", "s3://models/served") == 0
    there, here = (storage.read_json(storage.join(run, "data/prepared.json")) for run in (RUN, str(prepared)))
    assert there == here
    assert [name[-4:] for name in storage.names("s3://models/chatbot/align/checkpoints")] == ["0004", "0008"]
    assert storage.read_json("s3://models/chatbot/evaluation.json")["model"] == "s3://models/chatbot/align/model"
    sums = storage.read_bytes("s3://models/served/SHA256SUMS").decode().splitlines()
    assert all(storage.sha256(f"s3://models/served/{line[66:]}") == line[:64] for line in sums)
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {line[66:] for line in sums}
    assert [path.name for path in tmp_path.iterdir()] == ["config.toml"]


def test_a_run_killed_while_it_writes_to_s3_leaves_the_same_model(
    s3: s3fs.S3FileSystem,
    prepared: Path,
    carried_out: Plan,
    tmp_path: Path,
) -> None:
    def planned(run: str, place: dict[str, int], **more: str) -> dict[str, Any]:
        given = settings(Path("replaced"), train=STEPS)
        if run.startswith("s3://"):
            s3.put(str(prepared) + "/", run.removeprefix("s3://") + "/", recursive=True)
        else:
            for name in ("data", "tokenizer"):
                Path(run).mkdir(exist_ok=True)
                (Path(run) / name).symlink_to(prepared / name)
        return {"settings": {**given, "run": run}, "place": place, **more}

    operations = tmp_path / "operations.json"
    carried_out(
        [
            planned(str(tmp_path / "here"), {}),
            planned("s3://models/undisturbed", {}, operations=str(operations)),
        ]
    )
    places = moments(json.loads(operations.read_text()))
    kinds = {name.split("-")[0]: name for name in places}
    assert set(kinds) == {"write", "rename", "note", "remove"}
    carried_out([planned(f"s3://models/{kind}", places[name]) for kind, name in kinds.items()])
    expected = storage.sha256(str(tmp_path / "here/train/model/model.safetensors"))
    for run in ("undisturbed", *kinds):
        assert storage.sha256(f"s3://models/{run}/train/model/model.safetensors") == expected, run
        assert storage.names(f"s3://models/{run}/train/checkpoints") == ["step-00000008"], run


@pytest.mark.parametrize(
    ("run", "endpoint"), [("s3://no-such-bucket/run", ""), ("s3://models/run", "http://127.0.0.1:9")]
)
def test_a_store_that_is_not_there_is_one_clear_line(
    s3: s3fs.S3FileSystem,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    run: str,
    endpoint: str,
) -> None:
    if endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        s3fs.S3FileSystem.clear_instance_cache()
    code = call("train", "--config", configured(tmp_path, run))
    s3fs.S3FileSystem.clear_instance_cache()
    assert code == 2
    said = capsys.readouterr().err
    assert said.startswith("cnai-train: ")
    assert said.count("\n") == 1
