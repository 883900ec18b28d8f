"""One clone for the tests of a module."""

from collections.abc import Iterator

import pytest
from platform_clone import Clone, clone


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    made = clone(tmp_path_factory.mktemp("clone"))
    yield made
    made.run("sandbox", "delete", made.env)
