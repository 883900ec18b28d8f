"""Names that were given to objects which the state may not know yet, so that a crash leaves no second object behind.

The engine's seed is another one in every run: an object that was made just before a crash would get a new name, and a
twin. Each name is therefore written down before its object is made, and struck out once the state shows it.
"""

import hashlib
from pathlib import Path

from cnai.paths import SandboxDir


class Intents:
    """One small file per autonamed resource; without a sandbox nothing is remembered."""

    def __init__(self, sandbox: SandboxDir | None) -> None:
        self._folder = sandbox.root / "autonames" if sandbox else None

    def note(self, urn: str, name: str) -> None:
        """Before the object is made."""
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file(self._folder, urn).write_text(name)

    def recall(self, urn: str) -> str:
        """The name of an object that may be there already, "" where none is pending."""
        if self._folder is None:
            return ""
        try:
            return self._file(self._folder, urn).read_text()
        except FileNotFoundError:
            return ""

    def settle(self, urn: str, name: str) -> None:
        """The state knows the object of that name, or it is gone."""
        if self._folder is not None and self.recall(urn) == name:
            self._file(self._folder, urn).unlink(missing_ok=True)

    @staticmethod
    def _file(folder: Path, urn: str) -> Path:
        return folder / hashlib.sha256(urn.encode()).hexdigest()[:32]
