"""Tools that are made one after another in the background, while whoever needs the first ones goes on with them."""

import threading
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from cnai.errors import UserError
from cnai.paths import cache_dir
from cnai.toolchain.progress import Reporter, listed, one_at_a_time
from cnai.toolchain.resolve import Failure, ResolvedTool, Toolchain
from cnai.toolchain.versions import Host
from cnai.toolchain.wanted import note_failure, wanted

LOOK_S = 0.5


class Making:
    """A context in which tools are made in the order of their names; leaving it waits for them, an error ends them."""

    def __init__(self, names: Iterable[str], report: Reporter, chain: Toolchain | None = None) -> None:
        """Looks for what is at hand; nothing is made yet."""
        self._report = one_at_a_time(report)
        self._chain = chain or Toolchain(cache_dir(), Host.current(), self._report)
        self._names = tuple(dict.fromkeys(names))
        self._open: dict[str, ExitStack] = {}
        self._failed: dict[str, UserError] = {}
        self._raised: set[str] = set()
        self._crash: Exception | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._stopping = False

    def __enter__(self) -> "Making":
        for name in self._names:
            if self._chain.at_hand(name) is None:
                self._open[name] = ExitStack()
                self._open[name].enter_context(wanted(self._chain.root / name))
        if self._open:
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._stopping = True
            self._chain.leash.cut()
        elif coming := self._coming(self._names):
            self._report(f"waiting for {listed(coming)}")
        if self._thread.ident is not None:
            self._thread.join(None if kind is None else LOOK_S)
        for mark in list(self._open.values()):
            mark.close()
        if kind is None:
            self._tell()

    def path(self, name: str) -> Path:
        """Where it is, or will be."""
        found = self._chain.at_hand(name)
        return found.path if found else self._chain.slot(self._chain.known[name]).path

    def paths(self, names: Iterable[str]) -> dict[str, Path]:
        return {name: self.path(name) for name in names}

    def need(self, names: Iterable[str]) -> None:
        """Returns once all of them are there; raises what kept one from being made."""
        needed = tuple(names)
        with self._changed:
            while self._coming(needed) and not self._crash and not any(name in self._failed for name in needed):
                self._changed.wait(LOOK_S)
        if self._crash:
            raise self._crash
        for name in needed:
            if error := self._failed.get(name):
                self._raised.add(name)
                raise error

    def _coming(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if name in self._open]

    def _run(self) -> None:
        try:
            for tool in self._chain.each(list(self._open)):
                self._settle(tool)
        except Exception as error:  # noqa: BLE001  raised where the tools are needed
            self._crash = error
        finally:
            with self._changed:
                self._changed.notify_all()

    def _settle(self, tool: ResolvedTool | Failure) -> None:
        if isinstance(tool, Failure) and not self._stopping:
            note_failure(self._chain.root / tool.name, str(tool.error))
        with self._changed:
            if isinstance(tool, Failure):
                self._failed[tool.name] = tool.error
            self._open.pop(tool.name).close()
            self._changed.notify_all()

    def _tell(self) -> None:
        """At the end, what could not be made and nobody stopped for."""
        if self._crash:
            raise self._crash
        for name, error in self._failed.items():
            if name not in self._raised:
                self._report(f"without {name}, which could not be made: {error}")
