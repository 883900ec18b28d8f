"""What exists in the simulated cloud, for the engine's state after a crash."""

from cnai.engine.state.adopt import Existing, Inventory
from cnai.paths import SandboxDir
from cnai.sandbox.cloud.store import Store
from cnai.sandbox.cloud.tables import PACKAGES


def inventory(sandbox: SandboxDir) -> Inventory:
    """Looks only when it is asked: after most commands nobody does."""

    def made(token: str, urn: str) -> list[Existing] | None:
        if token.partition(":")[0] not in PACKAGES:
            return None
        found = Store(sandbox).all(token)
        return [Existing(record.id, dict(record.outputs)) for record in found if record.urn == urn]

    return made
