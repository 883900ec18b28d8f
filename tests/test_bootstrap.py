"""`./cnai` on machines that lack something: one sentence that names the way out."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("aws", "base", "dev", "installer")
NEEDED = ("cat", "cmp", "cp", "dirname", "flock", "mkdir", "sed", "sh")


WORKING_PYTHON = """case "$*" in
*"-m venv"*) mkdir -p "$4/bin" "$4/site"; cp "$0" "$4/bin/python" ;;
*sysconfig*) echo "$(dirname "$0")/../site" ;;
*cnai.cli*) echo ran ;;
esac"""
BRINGS_UV = WORKING_PYTHON.replace(
    "esac", '*installer.lock*) cp "$(dirname "$0")/../../uv" "$(dirname "$0")/uv" ;;\nesac'
)
"""Its pip has `uv` of the clone for a wheel."""


@pytest.fixture
def machine(tmp_path):
    """A clone on a machine with only the programs named in `NEEDED` and fakes that a test adds."""
    clone, programs = tmp_path / "clone", tmp_path / "bin"
    (clone / "requirements").mkdir(parents=True)
    programs.mkdir()
    shutil.copy(ROOT / "cnai", clone / "cnai")
    for part in LOCKS:
        (clone / "requirements" / f"{part}.lock").write_text(f"# {part}\n")
    for name in NEEDED:
        (programs / name).symlink_to(Path(shutil.which(name) or pytest.fail(name)))
    fake(programs / "uname", "echo Linux")
    return clone, programs


def fake(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def run(machine, *arguments, **variables):
    clone, programs = machine
    environment = {"PATH": str(programs), "HOME": os.environ["HOME"]} | variables
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
    done = run(machine, "doctor")
    assert done.returncode == 2
    assert "could not be installed" in done.stderr
    assert not (machine[0] / ".venv" / "made-from").exists()


def test_a_made_environment_is_not_made_again_until_a_lock_changes(machine):
    fake(machine[1] / "python3", WORKING_PYTHON)
    first, second = run(machine, "doctor"), run(machine, "doctor")
    assert "installing the Python packages of base" in first.stderr
    assert (second.stdout, second.stderr) == ("ran\n", "")
    (machine[0] / "requirements" / "base.lock").write_text("# changed\n")
    assert "installing" in run(machine, "doctor").stderr
    assert run(machine, "doctor").stderr == ""


def test_an_environment_that_moved_is_made_for_its_new_place(machine):
    fake(machine[1] / "python3", WORKING_PYTHON)
    run(machine, "doctor")
    moved = machine[0].rename(machine[0].with_name("moved")), machine[1]
    assert "installing" in run(moved, "doctor").stderr
    assert (moved[0] / ".venv" / "site" / "cnai.pth").read_text() == f"{moved[0]}/components\n"


def test_what_tests_need_holds_all_that_any_command_needs(machine):
    fake(machine[1] / "python3", WORKING_PYTHON)
    assert "packages of dev" in run(machine, "test").stderr
    assert run(machine, "doctor").stderr == ""
    assert run(machine, CNAI_PARTS="base aws").stderr == ""


def test_a_cloud_s_part_is_installed_when_it_is_asked_for_and_no_command_runs(machine):
    fake(machine[1] / "python3", WORKING_PYTHON)
    run(machine, "doctor")
    done = run(machine, CNAI_PARTS="aws")
    assert "packages of aws" in done.stderr
    assert done.stdout == ""
    assert run(machine, CNAI_PARTS="aws").stderr == ""


def test_without_uv_on_path_pip_brings_one_that_keeps_to_pip_s_own_settings(machine):
    clone, programs = machine
    listed = "*'config list'*) echo \":env:.index-url='https://mirror.test/simple'\" ;;\nesac"
    fake(programs / "python3", BRINGS_UV.replace("esac", listed))
    fake(clone / "uv", f'echo "$UV_DEFAULT_INDEX $*" >>{clone}/calls')
    assert run(machine, "doctor").stdout == "ran\n"
    calls = (clone / "calls").read_text().splitlines()
    assert calls == ["https://mirror.test/simple pip install -q --no-deps --require-hashes -r base.lock"]


def test_an_index_that_is_set_for_uv_goes_before_pip_s(machine):
    clone, programs = machine
    listed = "*'config list'*) echo \"global.index-url='https://mirror.test/simple'\" ;;\nesac"
    fake(programs / "python3", BRINGS_UV.replace("esac", listed))
    fake(clone / "uv", f'echo "$UV_DEFAULT_INDEX" >>{clone}/calls')
    run(machine, "doctor", UV_DEFAULT_INDEX="https://own.test/simple")
    assert (clone / "calls").read_text() == "https://own.test/simple\n"


@pytest.mark.parametrize("where", ["clone", "path"])
def test_where_uv_fails_pip_installs_the_same(machine, where):
    clone, programs = machine
    pip = f'*"pip install"*base.lock*) echo "$*" >{clone}/pip ;;\nesac'
    fake(programs / "python3", BRINGS_UV.replace("esac", pip))
    fake((clone if where == "clone" else programs) / "uv", "exit 1")
    done = run(machine, "doctor")
    assert done.stdout == "ran\n"
    assert "trying pip" in done.stderr
    assert "--no-deps --require-hashes -r base.lock" in (clone / "pip").read_text()


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
    done = run(machine, "doctor")
    assert done.stdout == "ran\n"
    assert "no pip" in done.stderr
