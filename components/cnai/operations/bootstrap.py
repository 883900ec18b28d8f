"""Where the state of a real environment lies and what encrypts its secrets, whichever cloud has them."""

from dataclasses import dataclass

from cnai.clouds.settings import CloudSettings
from cnai.errors import UserError
from cnai.operations.adapters import adapter


@dataclass(frozen=True, kw_only=True)
class StateStore:
    """What `bootstrap` made or found."""

    backend: str
    """For `pulumi login`."""
    secrets_provider: str
    """For `pulumi stack init --secrets-provider`."""
    changes: tuple[str, ...]
    """What was made or set; empty where all was as it should be."""
    remarks: tuple[str, ...] = ()
    """What is left for somebody to do."""

    def commands(self, env: str) -> tuple[str, ...]:
        login = f"pulumi login '{self.backend}'"
        return (login, f"pulumi stack init {env} --secrets-provider '{self.secrets_provider}'")

    def as_json(self, env: str) -> dict[str, object]:
        return {
            "backend": self.backend,
            "secrets_provider": self.secrets_provider,
            "changes": list(self.changes),
            "remarks": list(self.remarks),
            "commands": list(self.commands(env)),
        }


def bootstrap(env: str, cloud: str, settings: CloudSettings, bucket: str = "") -> StateStore:
    """Makes what is not there; a second run changes nothing. `bucket`: its name where ours is not wanted."""
    module = adapter(cloud, "bootstrap")
    if module is None:
        raise UserError(
            f"{env}: {cloud} has no bucket for the state: log in to one of a cloud's, or `pulumi login file://PATH`"
        )
    return module.bootstrap(env, settings, bucket)
