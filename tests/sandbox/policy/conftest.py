"""The engine's small project, for packs that run on it."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "engine"))
