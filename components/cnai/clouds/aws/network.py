"""The VPC: private nodes, a way out, a way to AWS' own services that stays inside, and a log of all traffic."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Literal

import pulumi
import pulumi_aws as aws

from cnai.clouds.aws.addresses import subnets
from cnai.clouds.aws.documents import trusts_service, writes_logs
from cnai.clouds.aws.identity import Role

INTERFACE_ENDPOINTS = ("ecr.api", "ecr.dkr", "sts")


@dataclass(frozen=True, kw_only=True)
class AwsNetworkArgs:
    cluster: str
    """The EKS cluster's name; load balancers find their subnets by it."""
    region: str
    zones: tuple[str, ...]
    cidr: str
    nat: Literal["per-zone", "single"] = "per-zone"
    log_retention_days: int = 90


def subnet_name(cluster: str, kind: str, zone: str) -> str:
    """Its tag `Name`, by which Karpenter finds it."""
    return f"{cluster}-{kind}-{zone}"


class AwsNetwork(pulumi.ComponentResource):
    """One private, one control plane and one public subnet in each zone."""

    vpc: aws.ec2.Vpc
    private: list[aws.ec2.Subnet]
    """For nodes, in the zones' order."""
    control: list[aws.ec2.Subnet]
    """For the control plane's interfaces."""
    ways_out: list[pulumi.Resource]
    """What a node needs to reach anything: it must outlive the nodes."""

    def __init__(self, name: str, args: AwsNetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cnai:clouds:AwsNetwork", name, {}, opts)
        self._name, self._args = name, args
        self._inside = pulumi.ResourceOptions(parent=self)
        self.vpc = self._vpc()
        cut = subnets(args.cidr, len(args.zones))
        self.private = self._subnets("private", cut.private, {"kubernetes.io/role/internal-elb": "1"})
        self.control = self._subnets("control", cut.control, {})
        public = self._subnets("public", cut.public, {"kubernetes.io/role/elb": "1"})
        self.ways_out = self._routes(public)
        self._endpoints()
        self._flow_logs()
        self.register_outputs({"vpc": self.vpc.id})

    def _vpc(self) -> aws.ec2.Vpc:
        vpc = aws.ec2.Vpc(
            self._name,
            cidr_block=self._args.cidr,
            enable_dns_hostnames=True,
            enable_dns_support=True,
            tags={"Name": self._args.cluster},
            opts=self._inside,
        )
        # Whatever names no group gets this one, which lets nothing in or out.
        aws.ec2.DefaultSecurityGroup(f"{self._name}-default", vpc_id=vpc.id, opts=self._inside)
        return vpc

    def _subnets(self, kind: str, ranges: Sequence[IPv4Network], tags: dict[str, str]) -> list[aws.ec2.Subnet]:
        return [
            aws.ec2.Subnet(
                f"{self._name}-{kind}-{zone}",
                vpc_id=self.vpc.id,
                availability_zone=zone,
                cidr_block=str(cidr),
                map_public_ip_on_launch=False,
                tags={"Name": subnet_name(self._args.cluster, kind, zone), **tags},
                opts=self._inside,
            )
            for zone, cidr in zip(self._args.zones, ranges, strict=True)
        ]

    def _routes(self, public: list[aws.ec2.Subnet]) -> list[pulumi.Resource]:
        internet = aws.ec2.InternetGateway(f"{self._name}-internet", vpc_id=self.vpc.id, opts=self._inside)
        table = self._table("public")
        ways: list[pulumi.Resource] = [self._route("public", table, gateway_id=internet.id)]
        for zone, subnet in zip(self._args.zones, public, strict=True):
            ways.append(self._uses(f"public-{zone}", subnet, table))
        gateways = self._gateways(public, internet)
        self._tables = [table]
        for index, zone in enumerate(self._args.zones):
            own = self._table(f"private-{zone}")
            gateway = gateways[min(index, len(gateways) - 1)]
            ways.append(self._route(f"private-{zone}", own, nat_gateway_id=gateway.id))
            ways.append(self._uses(f"private-{zone}", self.private[index], own))
            ways.append(self._uses(f"control-{zone}", self.control[index], own))
            self._tables.append(own)
        return ways

    def _gateways(self, public: list[aws.ec2.Subnet], internet: pulumi.Resource) -> list[aws.ec2.NatGateway]:
        zones = self._args.zones if self._args.nat == "per-zone" else self._args.zones[:1]
        after = pulumi.ResourceOptions(parent=self, depends_on=[internet])
        made: list[aws.ec2.NatGateway] = []
        for zone, subnet in zip(zones, public, strict=False):
            address = aws.ec2.Eip(f"{self._name}-nat-{zone}", domain="vpc", opts=after)
            made.append(
                aws.ec2.NatGateway(
                    f"{self._name}-nat-{zone}", subnet_id=subnet.id, allocation_id=address.id, opts=after
                )
            )
        return made

    def _table(self, what: str) -> aws.ec2.RouteTable:
        tags = {"Name": f"{self._args.cluster}-{what}"}
        return aws.ec2.RouteTable(f"{self._name}-{what}", vpc_id=self.vpc.id, tags=tags, opts=self._inside)

    def _route(self, what: str, table: aws.ec2.RouteTable, **through: pulumi.Input[str]) -> aws.ec2.Route:
        anywhere = "0.0.0.0/0"
        return aws.ec2.Route(
            f"{self._name}-{what}",
            aws.ec2.RouteArgs(route_table_id=table.id, destination_cidr_block=anywhere, **through),
            opts=self._inside,
        )

    def _uses(self, what: str, subnet: aws.ec2.Subnet, table: aws.ec2.RouteTable) -> pulumi.Resource:
        return aws.ec2.RouteTableAssociation(
            f"{self._name}-{what}", subnet_id=subnet.id, route_table_id=table.id, opts=self._inside
        )

    def _endpoints(self) -> None:
        """S3 by route, the others by an interface in each zone: images and tokens cost no NAT, and never go out."""
        prefix = f"com.amazonaws.{self._args.region}"
        aws.ec2.VpcEndpoint(
            f"{self._name}-s3",
            vpc_id=self.vpc.id,
            service_name=f"{prefix}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=[table.id for table in self._tables],
            opts=self._inside,
        )
        group = aws.ec2.SecurityGroup(
            f"{self._name}-endpoints",
            vpc_id=self.vpc.id,
            description="AWS services from inside the VPC",
            ingress=[{"protocol": "tcp", "from_port": 443, "to_port": 443, "cidr_blocks": [self._args.cidr]}],
            opts=self._inside,
        )
        for service in INTERFACE_ENDPOINTS:
            aws.ec2.VpcEndpoint(
                f"{self._name}-{service}",
                vpc_id=self.vpc.id,
                service_name=f"{prefix}.{service}",
                vpc_endpoint_type="Interface",
                private_dns_enabled=True,
                subnet_ids=[subnet.id for subnet in self.control],
                security_group_ids=[group.id],
                opts=self._inside,
            )

    def _flow_logs(self) -> None:
        group = aws.cloudwatch.LogGroup(
            f"{self._name}-flows", retention_in_days=self._args.log_retention_days, opts=self._inside
        )
        trust = trusts_service("vpc-flow-logs.amazonaws.com")
        writer = Role(f"{self._name}-flows", trust, (), writes_logs(group.arn), self._inside)
        aws.ec2.FlowLog(
            f"{self._name}-flows",
            vpc_id=self.vpc.id,
            traffic_type="ALL",
            log_destination=group.arn,
            iam_role_arn=writer.arn,
            opts=pulumi.ResourceOptions(parent=self, depends_on=writer.complete),
        )
