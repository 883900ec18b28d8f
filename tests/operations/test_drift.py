"""What the engine would change in the state, as what happened to the resources; and the exit codes for CI."""

import json
from contextlib import contextmanager

import pytest

from cnai.cli import app
from cnai.cli.console import ExitCode
from cnai.engine import EngineError, Event, Summary
from cnai.operations.drift import judged


def test_an_update_of_the_state_is_a_changed_resource_and_a_delete_one_that_is_gone():
    found = judged(
        "prod", [("update", "Namespace a"), ("delete", "Bucket b"), ("read", "Vpc c")], {"same": 7, "update": 1}
    )
    assert found.drifted == (("changed", "Namespace a"), ("gone", "Bucket b"))
    assert found.looked_at == 8


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """`engine(events, counts)`: what the engine will say on looking; `engine(error)`: how it will fail."""
    (tmp_path / "Pulumi.yaml").write_text("name: cnai\nruntime: python\n")
    (tmp_path / "stacks").mkdir()
    config = {"cnai:cloud": {"local": {}}, "cnai:pools": {"system": {"machine": "cpu-8", "min": 1}}}
    (tmp_path / "stacks" / "Pulumi.local.yaml").write_text(json.dumps({"config": config}))
    monkeypatch.setenv("CNAI_PROJECT", str(tmp_path))

    def says(*told):
        class Session:
            def drift(self, on_event):
                if isinstance(told[0], Exception):
                    raise told[0]
                for event in told[0]:
                    on_event(event)
                return Summary(told[1], {}, 0.1)

        @contextmanager
        def session(*_, **__):
            yield Session()

        monkeypatch.setattr("cnai.cli.target.Target.session", session)

    return says


URN = "urn:pulumi:local::cnai::kubernetes:core/v1:Namespace::research"


def test_no_drift_ends_with_0_and_drift_with_1(engine, capsys):
    engine([], {"same": 3})
    assert app.run(["drift", "local"]) == ExitCode.DONE
    engine([Event("done", urn=URN, op="update")], {"same": 2, "update": 1})
    assert app.run(["drift", "local", "--json"]) == 1
    told = json.loads(capsys.readouterr().out.partition("\n")[2])
    assert told["drifted"] == [{"resource": "Namespace research", "what": "changed"}]


@pytest.mark.parametrize("told", [(EngineError("no backend"),), ([], {})])
def test_what_could_not_be_compared_ends_with_2(engine, told):
    engine(*told)
    assert app.run(["drift", "local"]) == 2
