"""Serves the state on 127.0.0.1, from a thread of this process, to whoever holds the session's token."""

import secrets
import socket
import threading
from pathlib import Path

import uvicorn

from cnai.engine.state.adopt import Adoption, Inventory, no_inventory
from cnai.engine.state.routes import application
from cnai.engine.state.service import Service
from cnai.engine.state.stacks import Stacks
from cnai.engine.state.updates import Updates
from cnai.engine.vault import Vault


class StateService:
    """A context: the service answers at `url` until it ends, and its updates end with it."""

    def __init__(self, root: Path, vault: Vault, inventory: Inventory = no_inventory) -> None:
        self.token = secrets.token_urlsafe(32)
        self._updates = Updates(Adoption(vault, inventory))
        self.stacks = Stacks(root, self._updates)
        app = application(Service(root, vault, self._updates), self.token)
        # One connection after another from one client: pure-Python loop and parser are enough, and load at once.
        config = uvicorn.Config(app, loop="asyncio", http="h11", ws="none", lifespan="off", log_config=None)
        config.timeout_keep_alive = 3600
        self._server = uvicorn.Server(config)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, name="cnai-state", daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def _serve(self) -> None:
        self._server.run(sockets=[self._socket])

    def abandon(self) -> None:
        """Ends the updates of an engine that has gone without a word."""
        self._updates.abandon()

    def __enter__(self) -> "StateService":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join(timeout=5)
        self._socket.close()
        self.abandon()
