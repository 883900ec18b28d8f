import pytest

from cnai.sandbox.controlplane.crash_reason import crash_reason

STACK = "\ngoroutine 1 [running]:\nmain.main()\n\tmain.go:31 +0x28\n"
RECORD = '{"level":"panic","msg":"failed to create WAL","error":"no space left on device","stacktrace":"x"}\n'


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("starting\nbind: address already in use\n\n", "bind: address already in use"),
        (
            f'{{"level":"info","msg":"bootstrapping"}}\n{RECORD}panic: failed{STACK}',
            "failed to create WAL: no space left on device",
        ),
        (f"starting\npanic: no such flag{STACK}", "panic: no such flag"),
        ("{no json\n", "{no json"),
        ("", "it wrote nothing"),
    ],
)
def test_a_component_that_ended_tells_why_rather_than_where(tmp_path, log, words):
    (tmp_path / "log").write_text(log)
    assert crash_reason(tmp_path / "log") == words
    assert crash_reason(tmp_path / "absent") == "it wrote nothing"
