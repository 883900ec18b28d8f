"""GKE node images: they come with the node version, which the release channel patches."""

from cnai.clouds.gcp.settings import GcpSettings

ROTATED_BY = (
    "GKE updates node images with the node version: the release channel does so in the maintenance window, and "
    "`gcloud container clusters upgrade CLUSTER --node-pool POOL` at once"
)


def for_minor(settings: GcpSettings, minor: str, given: str) -> tuple[dict[str, str], tuple[str, ...]]:
    del settings, minor
    return {}, ("GKE's images come with the node version: --image was ignored",) if given else ()
