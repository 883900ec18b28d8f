"""A test run ends with where its time went."""

import subprocess
import sys

import pytest

from cnai.cli.minutes import SLOWEST, Minutes, timed

TESTS = "\n".join(f"def test_number_{number}(): pass" for number in range(SLOWEST + 5))


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Minutes of a run that had two parts, one of them of real tests."""
    monkeypatch.setattr("cnai.cli.minutes.cache_dir", lambda: tmp_path / "cache")
    (tmp_path / "test_some.py").write_text(f"import time\ndef test_slow(): time.sleep(0.2)\n{TESTS}\n")
    minutes = Minutes(tmp_path / "reports")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *minutes.report("unit"), str(tmp_path)]
    minutes.of("unit", lambda: subprocess.run(command, capture_output=True, check=True).returncode)
    minutes.of("sandbox", lambda: 1)
    return minutes


def test_the_slowest_tests_come_first_and_no_more_than_a_screen_of_them(run, capsys):
    run.show()
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].endswith("test_some::test_slow")
    assert sum("::" in line for line in lines) == SLOWEST


def test_every_part_has_its_minutes_and_the_whole_has_their_sum(run, capsys):
    run.show()
    line = next(line for line in capsys.readouterr().err.splitlines() if line.startswith("time:"))
    assert "min: unit " in line
    assert ", sandbox 0.0 min" in line


def test_a_report_that_was_never_finished_hides_no_other(tmp_path):
    broken = tmp_path / "broken.xml"
    broken.write_text("<testsuites><testsuite")
    assert timed(broken) == timed(tmp_path / "none.xml") == []
