"""Models from an object store and from a hub, by their real protocols, over networks that fail."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import stores
from cnai_inference.store import write_manifest
from servers import SOURCE


@pytest.fixture(scope="module")
def original(model_dir, tmp_path_factory) -> Path:
    copy = shutil.copytree(model_dir, tmp_path_factory.mktemp("original") / "chat")
    write_manifest(copy)
    (copy / "pytorch_model.bin").write_bytes(b"a pickle")
    (copy / "modeling.py").write_text("raise SystemExit('code from a model was run')\n")
    return copy


@pytest.fixture(params=[stores.object_store, stores.hub])
def store(request, original):
    with request.param(original) as one:
        yield one


def fetching(store, cache, *more):
    command = [sys.executable, "-m", "cnai_inference", "fetch", store.address, "--cache", str(cache), *more]
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "HF_HOME": str(cache / "hf"), **store.environment}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def fetched(store, cache, *more):
    child = fetching(store, cache, *more)
    output, error = child.communicate(timeout=120)
    assert "Traceback" not in error
    return child.returncode, output.strip(), error


def refuse(store, cache, says):
    status, _, error = fetched(store, cache)
    assert status == 1
    assert says in error.splitlines()[-1]
    assert not whole(cache)


def whole(cache: Path) -> list[Path]:
    return [path for path in cache.glob("*-chat*") if path.is_dir() and path.suffix != ".partial"]


def test_a_model_arrives_as_it_is_there_without_pickles_and_code(store, original, tmp_path):
    status, output, error = fetched(store, tmp_path, "--require-checksums")
    assert status == 0, error
    wanted = {path.name for path in original.iterdir()} - {"pytorch_model.bin", "modeling.py"}
    assert {path.name for path in Path(output).iterdir()} == wanted
    assert all((Path(output) / name).read_bytes() == (original / name).read_bytes() for name in wanted)


def test_two_processes_at_once_download_it_once(store, tmp_path):
    store.faults.weights = "held"
    first, second = fetching(store, tmp_path), fetching(store, tmp_path)
    assert store.faults.half.wait(60)
    store.faults.go_on.set()
    outputs = {child.communicate(timeout=120)[0] for child in (first, second)}
    assert (first.returncode, second.returncode) == (0, 0)
    assert len(outputs) == 1
    assert store.faults.gets["model.safetensors"] == 1
    assert fetched(store, tmp_path)[0] == 0
    assert store.faults.gets["model.safetensors"] == 1


def test_what_arrives_changed_is_refused_and_not_kept(store, tmp_path):
    store.faults.weights = "corrupt"
    refuse(store, tmp_path, "checksum")
    store.faults.weights = "whole"
    assert fetched(store, tmp_path)[0] == 0


def test_a_hub_without_a_manifest_is_checked_by_its_own_hashes(model_dir, tmp_path):
    with stores.hub(model_dir) as store:
        store.faults.weights = "corrupt"
        refuse(store, tmp_path, "model.safetensors did not arrive as hf://owner/chat@main has it")


def test_a_process_killed_in_the_middle_leaves_nothing_that_looks_whole(store, original, tmp_path):
    store.faults.weights = "held"
    child = fetching(store, tmp_path)
    assert store.faults.half.wait(60)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert not whole(tmp_path)
    store.faults.go_on.set()
    store.faults.weights = "whole"
    status, output, error = fetched(store, tmp_path)
    assert status == 0, error
    assert (Path(output) / "model.safetensors").read_bytes() == (original / "model.safetensors").read_bytes()
    assert [path.name for path in tmp_path.glob("*.partial")] == []


def test_a_transfer_that_always_breaks_off_is_an_error_in_one_line(store, tmp_path):
    store.faults.weights = "cut"
    refuse(store, tmp_path, store.address)


@pytest.mark.parametrize(
    ("address", "environment"),
    [
        ("s3://models/nothing", {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_MAX_ATTEMPTS": "1"}),
        ("s3://models/nothing", {"AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1"}),
        ("hf://owner/nothing", {}),
    ],
)
def test_a_store_that_is_not_there_is_named_in_one_line(address, environment, tmp_path):
    nowhere = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "HF_ENDPOINT": "http://127.0.0.1:9"}
    refuse(stores.Store(address, {**nowhere, **environment}, stores.Faults(None)), tmp_path, address)


def test_a_repository_that_the_hub_does_not_have_is_named(original, tmp_path):
    with stores.hub(original) as store:
        refuse(stores.Store("hf://owner/other", store.environment, store.faults), tmp_path, "hf://owner/other")
