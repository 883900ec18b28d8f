"""The engine's small project and the packs' cases, for tests of both."""

import sys
from pathlib import Path

TESTS = Path(__file__).parents[2]
sys.path += [str(TESTS / "sandbox" / "engine"), str(TESTS / "policy" / "packs")]
