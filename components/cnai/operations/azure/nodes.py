"""AKS node images: chosen by AKS, the newest at each change of a pool's Kubernetes version."""

from cnai.clouds.azure.settings import AzureSettings

ROTATED_BY = (
    "AKS agent pools do not declare an image: `az aks nodepool upgrade --node-image-only` updates one pool, "
    "and the NodeImage auto-upgrade channel all of them"
)


def for_minor(settings: AzureSettings, minor: str, given: str) -> tuple[dict[str, str], tuple[str, ...]]:
    del settings, minor
    return {}, ("AKS chooses the node image itself: --image was ignored",) if given else ()
