"""What all tests share: a recording engine, and the flag that rewrites committed outputs."""

from collections.abc import Callable
from typing import Any

import pulumi
import pytest
from hypothesis import settings
from pulumi.runtime.mocks import set_mocks

from recording import Declare, Echo, Recorder, Registered

# How long an example takes says more of the machine than of the code.
settings.register_profile("cnai", deadline=None)
settings.load_profile("cnai")


@pytest.fixture
def declared() -> Declare:
    """`declared(program)`: what calling `program` registers, in order; `stack` names the stack."""

    def run(program: Callable[[], Any], stack: str = "local") -> list[Registered]:
        mocks = Echo()
        recorder = Recorder(mocks)
        set_mocks(mocks, project="cnai", stack=stack, preview=False, monitor=recorder)

        @pulumi.runtime.test
        def once() -> None:
            program()

        once()
        return recorder.registered

    return run


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-goldens", action="store_true", help="Rewrite tests/goldens/ and stacks/schema.json.")
