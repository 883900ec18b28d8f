"""EKS node images: one release for all nodes of a cluster, set in the stack file."""

from cnai.clouds.aws.settings import AwsSettings
from cnai.errors import UserError
from cnai.operations.adapters import library
from cnai.operations.aws.session import explained

PARAMETER = "/aws/service/eks/optimized-ami/{}/amazon-linux-2023/x86_64/standard/recommended/release_version"
"""https://docs.aws.amazon.com/eks/latest/userguide/retrieve-ami-id.html; NVIDIA's and Neuron's variants have the same
releases."""


def image(settings: AwsSettings) -> str:
    return settings.image_release()


def values(release: str) -> dict[str, str]:
    return {"node_image": release}


def newest_image(settings: AwsSettings, minor: str) -> str:
    """The release AWS currently recommends. Raises `UserError` if AWS cannot be asked."""
    ssm = library("boto3").Session(region_name=settings.region).client("ssm")
    with explained(f"newest node image of Kubernetes {minor}"):
        return ssm.get_parameter(Name=PARAMETER.format(minor))["Parameter"]["Value"]


def for_minor(settings: AwsSettings, minor: str, given: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """What else a cluster at `minor` needs in the stack file; `given`: the image, if AWS should not be asked."""
    try:
        release = given or newest_image(settings, minor)
    except UserError as error:
        raise UserError(f"{error}; name the release yourself: --image {minor}.0-YYYYMMDD") from error
    return values(release), ()
