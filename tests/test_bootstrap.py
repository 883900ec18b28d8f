"""`./cnai` on machines that lack something: one sentence that names the way out."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NEEDED = ("cat", "cksum", "dirname", "flock", "sh")


WORKING_PYTHON = """case "$*" in
*"-m venv"*) mkdir -p "$4/bin" "$4/site"; cp "$0" "$4/bin/python" ;;
*sysconfig*) echo "$(dirname "$0")/../site" ;;
*cnai.cli*) echo ran ;;
esac"""


@pytest.fixture
def machine(tmp_path):
    """A clone on a machine with only the programs named in `NEEDED` and fakes that a test adds."""
    clone, programs = tmp_path / "clone", tmp_path / "bin"
    clone.mkdir()
    programs.mkdir()
    for name in ("cnai", "pyproject.toml", "requirements.lock", "requirements-dev.lock"):
        shutil.copy(ROOT / name, clone / name)
    for name in NEEDED:
        (programs / name).symlink_to(Path(shutil.which(name) or pytest.fail(name)))
    fake(programs / "uname", "echo Linux")
    return clone, programs


def fake(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def run(machine, *arguments):
    clone, programs = machine
    environment = {"PATH": str(programs), "HOME": os.environ["HOME"]}
    return subprocess.run([clone / "cnai", *arguments], env=environment, capture_output=True, text=True, check=False)


def test_without_any_python_it_says_what_to_install(machine):
    done = run(machine, "doctor")
    assert done.returncode == 2
    assert "no Python 3.11 or newer found" in done.stderr


def test_a_python_without_ensurepip_names_the_package_that_brings_it(machine):
    fake(machine[1] / "python3", "case $2 in *ensurepip*) exit 1;; esac")
    done = run(machine, "doctor")
    assert done.returncode == 2
    assert "lacks ensurepip" in done.stderr
    assert "python3-venv" in done.stderr


def test_an_unsupported_system_is_refused_by_name(machine):
    fake(machine[1] / "uname", "echo FreeBSD")
    done = run(machine, "doctor")
    assert done.returncode == 2
    assert "FreeBSD is not supported" in done.stderr


def test_when_the_registry_is_out_of_reach_nothing_half_made_is_taken_for_whole(machine):
    fake(
        machine[1] / "python3",
        'case "$*" in *"-m venv"*) mkdir -p "$4/bin"; cp "$0" "$4/bin/python";; *"pip install"*) exit 1;; esac',
    )
    for name in ("mkdir", "cp"):
        (machine[1] / name).symlink_to(Path(shutil.which(name)))
    done = run(machine, "doctor")
    assert done.returncode == 2
    assert "could not be installed" in done.stderr
    assert not (machine[0] / ".venv" / ".made-from.requirements.lock").exists()


def test_a_made_environment_is_not_made_again_until_a_lock_changes(machine):
    fake(machine[1] / "python3", WORKING_PYTHON)
    for name in ("mkdir", "cp"):
        (machine[1] / name).symlink_to(Path(shutil.which(name)))
    first, second = run(machine, "doctor"), run(machine, "doctor")
    assert "preparing" in first.stderr
    assert (second.stdout, second.stderr) == ("ran\n", "")
    lock = machine[0] / "requirements.lock"
    lock.write_text(lock.read_text() + "# changed\n")
    assert "preparing" in run(machine, "doctor").stderr


def test_an_environment_that_uv_makes_has_pip_too(machine):
    """`pulumi preview` of an official install asks it what is there, before any program or policy pack starts."""
    clone, programs = machine
    fake(programs / "python3", WORKING_PYTHON.replace("esac", '*"pip --version"*) [ -e "$0.pip" ] ;;\nesac'))
    fake(
        programs / "uv",
        f"""case "$*" in
        venv*) mkdir -p {clone}/.venv/bin {clone}/.venv/site; cp {programs}/python3 {clone}/.venv/bin/python ;;
        "pip install -q pip") : >{clone}/.venv/bin/python.pip ;;
        esac""",
    )
    for name in ("mkdir", "cp"):
        (programs / name).symlink_to(Path(shutil.which(name)))
    assert run(machine, "doctor").stdout == "ran\n"
    assert (clone / ".venv" / "bin" / "python.pip").exists()


def test_uv_without_pip_at_hand_makes_an_environment_all_the_same(machine):
    """Only an official install of Pulumi asks for it: a mirror or `UV_REQUIRE_HASHES` that refuses it stops no one."""
    clone, programs = machine
    fake(programs / "python3", WORKING_PYTHON.replace("esac", '*"pip --version"*) exit 1 ;;\nesac'))
    fake(
        programs / "uv",
        f"""case "$*" in
        venv*) mkdir -p {clone}/.venv/bin {clone}/.venv/site; cp {programs}/python3 {clone}/.venv/bin/python ;;
        "pip install -q pip") exit 1 ;;
        esac""",
    )
    for name in ("mkdir", "cp"):
        (programs / name).symlink_to(Path(shutil.which(name)))
    done = run(machine, "doctor")
    assert done.stdout == "ran\n"
    assert "no pip" in done.stderr
