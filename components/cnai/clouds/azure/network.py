"""The VNet: a subnet for nodes that reaches the internet through a NAT gateway, and one for the control plane."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi_azure_native import network

from cnai.catalog.children import child_of
from cnai.clouds.azure.addresses import subnets

API_SERVICE = "Microsoft.ContainerService/managedClusters"
NODE_SERVICES = ("Microsoft.Storage", "Microsoft.KeyVault")
"""Reached from nodes without leaving Azure's network; storage accounts let in this subnet alone."""


@dataclass(frozen=True, kw_only=True)
class AzureNetworkArgs:
    resource_group: pulumi.Input[str]
    region: str
    cidr: str
    nat_addresses: int = 1
    tags: Mapping[str, str] = field(default_factory=dict[str, str])


def node_subnet(args: AzureNetworkArgs, gateway: pulumi.Input[str]) -> dict[str, Any]:
    return {
        "address_prefix": str(subnets(args.cidr).nodes),
        "nat_gateway": {"id": gateway},
        "default_outbound_access": False,
        "service_endpoints": [{"service": each} for each in NODE_SERVICES],
        "private_endpoint_network_policies": network.VirtualNetworkPrivateEndpointNetworkPolicies.DISABLED,
    }


def api_subnet(args: AzureNetworkArgs) -> dict[str, Any]:
    """Nothing but the control plane may be in it."""
    return {
        "address_prefix": str(subnets(args.cidr).api),
        "delegations": [{"name": "aks", "service_name": API_SERVICE}],
        "default_outbound_access": False,
    }


class AzureNetwork(pulumi.ComponentResource):
    """VNet, subnets, NAT gateway."""

    vnet: network.VirtualNetwork
    nodes: network.Subnet
    api: network.Subnet

    def __init__(self, name: str, args: AzureNetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cnai:clouds:AzureNetwork", name, {}, opts)
        self._placed: dict[str, Any] = {
            "resource_group_name": args.resource_group,
            "location": args.region,
            "tags": dict(args.tags),
        }
        self.vnet = network.VirtualNetwork(
            f"{name}-vnet",
            virtual_network_name="vnet",
            address_space={"address_prefixes": [args.cidr]},
            opts=child_of(self),
            **self._placed,
        )
        gateway = self._nat(name, args.nat_addresses)
        self.nodes = self._subnet(f"{name}-nodes", "nodes", node_subnet(args, gateway.id), args)
        # One after the other: Azure refuses two changes of one VNet at a time.
        self.api = self._subnet(f"{name}-api", "api", api_subnet(args), args, self.nodes)
        self.register_outputs({})

    def _nat(self, name: str, addresses: int) -> network.NatGateway:
        public = [
            network.PublicIPAddress(
                f"{name}-nat-{index}",
                public_ip_address_name=f"nat-{index}",
                public_ip_allocation_method=network.IPAllocationMethod.STATIC,
                sku={"name": network.PublicIPAddressSkuName.STANDARD},
                opts=child_of(self),
                **self._placed,
            )
            for index in range(addresses)
        ]
        return network.NatGateway(
            f"{name}-nat",
            nat_gateway_name="nat",
            sku={"name": network.NatGatewaySkuName.STANDARD},
            public_ip_addresses=[{"id": each.id} for each in public],
            opts=child_of(self),
            **self._placed,
        )

    def _subnet(
        self, name: str, short: str, facts: dict[str, Any], args: AzureNetworkArgs, *after: pulumi.Resource
    ) -> network.Subnet:
        return network.Subnet(
            name,
            subnet_name=short,
            resource_group_name=args.resource_group,
            virtual_network_name=self.vnet.name,
            opts=child_of(self, *after),
            **facts,
        )
