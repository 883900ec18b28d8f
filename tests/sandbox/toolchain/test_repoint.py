"""A folder that is fixed inside a program is pointed elsewhere, and nothing else in it changes."""

import pytest

from cnai.errors import FailedError
from cnai.toolchain.repoint import repoint
from cnai.toolchain.sources import sources
from cnai.toolchain.versions import Host

LINUX = Host("linux", "amd64")
FOLDERS = {"/etc/kueue/metrics/certs": "certs"}


@pytest.fixture
def program(tmp_path):
    file = tmp_path / "kueue"
    file.write_bytes(b"before/etc/kueue/metrics/certsafter")
    return file


def test_the_new_folder_takes_the_place_of_the_old_one(program):
    repoint(program, FOLDERS, LINUX)
    assert program.read_bytes() == b"beforecerts///////////////////after"


@pytest.mark.parametrize("content", [b"nothing of it", b"/etc/kueue/metrics/certs twice /etc/kueue/metrics/certs"])
def test_a_program_that_does_not_have_the_folder_once_is_refused_and_left_alone(program, content):
    program.write_bytes(content)
    with pytest.raises(FailedError, match="does not have the folder /etc/kueue/metrics/certs once"):
        repoint(program, FOLDERS, LINUX)
    assert program.read_bytes() == content


def test_a_folder_that_is_longer_than_the_old_one_is_refused(program):
    with pytest.raises(FailedError):
        repoint(program, {"/etc/kueue/metrics/certs": "x" * 25}, LINUX)


def test_a_program_that_was_pointed_elsewhere_has_a_slot_of_its_own():
    kueue = sources()["kueue"]
    assert kueue.repointed == FOLDERS
    assert kueue.edition.startswith(f"{kueue.version}+")
