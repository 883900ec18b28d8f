"""Updating the image of running nodes: which is the newest, and where to set it in the stack file."""

from dataclasses import dataclass

from cnai.environment import Environment
from cnai.errors import UserError
from cnai.operations.adapters import adapter


@dataclass(frozen=True, kw_only=True)
class Rotation:
    environment: str
    current: str
    image: str
    values: dict[str, str]
    """To write below the cloud's own key of the stack file; empty if the newest image is already set."""

    def as_json(self) -> dict[str, object]:
        return {"environment": self.environment, "from": self.current, "to": self.image, "values": self.values}


def planned(environment: Environment, image: str = "") -> Rotation:
    """`image`: a release by the cloud's own name; if left out, the newest for the cluster's minor."""
    module = adapter(environment.cloud, "nodes")
    if module is None:
        raise UserError(
            f"{environment.name}: {environment.cloud} creates no nodes from images: there is nothing to rotate"
        )
    if not hasattr(module, "newest_image"):
        raise UserError(f"{environment.name}: {module.ROTATED_BY}")
    settings = environment.cloud_settings
    current, wanted = module.image(settings), image or module.newest_image(settings, settings.kubernetes_version())
    values = {} if wanted == current else module.values(wanted)
    return Rotation(environment=environment.name, current=current, image=wanted, values=values)
