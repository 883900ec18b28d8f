"""The reference data: `$CNAI_REFERENCE`, else beside the project, else these tests are skipped."""

import os
from pathlib import Path

import pytest
from upstream import Upstream

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def upstream() -> Upstream:
    given = os.environ.get("CNAI_REFERENCE")
    root = Path(given) if given else PROJECT.parent / "shared" / "reference"
    if not (root / "charts" / "INDEX.tsv").is_file():
        pytest.skip(f"no reference data in {root}: name its folder in CNAI_REFERENCE")
    return Upstream(root)
