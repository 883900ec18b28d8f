"""All handlers, whichever module has them."""

from collections.abc import Mapping

from cnai.sandbox.cloud.moto import ec2, eks, iam, instances, messages, s3, services
from cnai.sandbox.cloud.moto.handler import Handler

HANDLERS: Mapping[str, Handler] = {
    **ec2.HANDLERS,
    **eks.HANDLERS,
    **iam.HANDLERS,
    **instances.HANDLERS,
    **messages.HANDLERS,
    **s3.HANDLERS,
    **services.HANDLERS,
}
"""By token: what is not here, moto lacks, and it is echoed."""
