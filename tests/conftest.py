"""What all tests share: a recording engine, and the flag that rewrites committed outputs."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings

from recording import Declare, Registered, record

# How long an example takes says more of the machine than of the code.
settings.register_profile("cnai", deadline=None)
settings.load_profile("cnai")


@pytest.fixture
def declared() -> Declare:
    """`declared(program)`: what calling `program` registers, in order; `stack` names the stack."""

    def run(program: Callable[[], Any], stack: str = "local") -> list[Registered]:
        return record(program, "cnai", stack)

    return run


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-goldens", action="store_true", help="Rewrite tests/goldens/ and stacks/schema.json.")
