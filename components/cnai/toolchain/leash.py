"""The program that is building a tool, to be ended when nobody waits for the tool any more."""

import subprocess
import threading


class Leash:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_cut = False

    def hold(self, process: "subprocess.Popen[bytes]") -> None:
        with self._lock:
            self._process = process
            if self._is_cut:
                process.terminate()

    def cut(self) -> None:
        """Ends what is held now, and at once what comes later."""
        with self._lock:
            self._is_cut = True
            if self._process and self._process.poll() is None:
                self._process.terminate()
