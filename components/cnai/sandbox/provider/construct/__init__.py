"""Components whose children the provider makes: ConfigGroup, ConfigFile, Directory and Chart."""

from pulumi.runtime.proto import provider_pb2

from cnai.sandbox.provider.cluster import Cluster


def construct(cluster: Cluster, request: provider_pb2.ConstructRequest) -> provider_pb2.ConstructResponse:
    raise NotImplementedError
