"""Where a real environment's state is stored and what encrypts its secrets, on any cloud."""

from dataclasses import dataclass

from cnai.clouds.settings import CloudSettings
from cnai.errors import UserError
from cnai.operations.adapters import adapter


@dataclass(frozen=True, kw_only=True)
class StateStore:
    """What `bootstrap` created or found."""

    backend: str
    """For `pulumi login`."""
    secrets_provider: str
    """For `pulumi stack init --secrets-provider`."""
    changes: tuple[str, ...]
    """What was created or set; empty if nothing had to change."""
    remarks: tuple[str, ...] = ()
    """What is left to do by hand."""

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
    """Creates what is missing; a second run changes nothing. `bucket`: a name to use instead of ours."""
    module = adapter(cloud, "bootstrap")
    if module is None:
        raise UserError(
            f"{env}: {cloud} has no bucket for the state: log in to a cloud's bucket, or run `pulumi login file://PATH`"
        )
    return module.bootstrap(env, settings, bucket)
