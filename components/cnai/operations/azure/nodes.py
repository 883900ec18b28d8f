"""AKS' node images: AKS' own to choose, the newest at each change of a pool's Kubernetes version."""

from cnai.clouds.azure.settings import AzureSettings

ROTATED_BY = (
    "AKS names no image in an agent pool's declaration: `az aks nodepool upgrade --node-image-only` renews a pool's, "
    "and an auto-upgrade channel NodeImage all of them"
)


def for_minor(settings: AzureSettings, minor: str, given: str) -> tuple[dict[str, str], tuple[str, ...]]:
    del settings, minor
    return {}, ("AKS chooses the nodes' image itself: --image was not used",) if given else ()
