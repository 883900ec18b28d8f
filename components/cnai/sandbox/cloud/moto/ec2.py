"""Networks in moto: VPCs, subnets, gateways, routes, endpoints, security groups, launch templates."""

from collections.abc import Callable, Mapping
from typing import Any

from cnai.sandbox.cloud.backends import Made
from cnai.sandbox.cloud.moto.calls import Calls
from cnai.sandbox.cloud.moto.handler import Handler, Inputs, absent_is_fine, renamed, tag_list
from cnai.sandbox.cloud.store import CloudResource


def tags_of(kind: str, inputs: Inputs) -> list[dict[str, Any]] | None:
    found = tag_list(inputs)
    return [{"ResourceType": kind, "Tags": found}] if found else None


def retagged(calls: Calls, record: CloudResource, inputs: Inputs) -> Made:
    gone = set(record.inputs.get("tags") or {}) - set(inputs.get("tags") or {})
    if gone:
        calls("ec2", "delete_tags", Resources=[record.id], Tags=[{"Key": key} for key in sorted(gone)])
    if found := tag_list(inputs):
        calls("ec2", "create_tags", Resources=[record.id], Tags=found)
    return Made()


def by_id(operation: str, argument: str, many: bool = False) -> Callable[[Calls, CloudResource], Any]:
    """An operation whose only argument is the id."""

    def call(calls: Calls, record: CloudResource) -> Any:
        return calls("ec2", operation, **{argument: [record.id] if many else record.id})

    return call


def vpc(calls: Calls, inputs: Inputs) -> Made:
    given = renamed(inputs, cidrBlock="CidrBlock", instanceTenancy="InstanceTenancy")
    found = calls("ec2", "create_vpc", **given, TagSpecifications=tags_of("vpc", inputs))["Vpc"]
    attributes(calls, found["VpcId"], inputs)
    own = [{"Name": "vpc-id", "Values": [found["VpcId"]]}]
    table = calls("ec2", "describe_route_tables", Filters=own)["RouteTables"][0]["RouteTableId"]
    group = calls("ec2", "describe_security_groups", Filters=own)["SecurityGroups"][0]["GroupId"]
    acl = calls("ec2", "describe_network_acls", Filters=own)["NetworkAcls"][0]["NetworkAclId"]
    more = {"mainRouteTableId": table, "defaultRouteTableId": table, "defaultSecurityGroupId": group}
    return Made(found["VpcId"], {**more, "defaultNetworkAclId": acl})


def attributes(calls: Calls, given: str, inputs: Inputs) -> None:
    for ours, theirs in (("enableDnsSupport", "EnableDnsSupport"), ("enableDnsHostnames", "EnableDnsHostnames")):
        if ours in inputs:
            calls("ec2", "modify_vpc_attribute", VpcId=given, **{theirs: {"Value": inputs[ours]}})


def vpc_changed(calls: Calls, record: CloudResource, inputs: Inputs) -> Made:
    attributes(calls, record.id, inputs)
    return retagged(calls, record, inputs)


def subnet(calls: Calls, inputs: Inputs) -> Made:
    given = renamed(
        inputs, vpcId="VpcId", cidrBlock="CidrBlock", availabilityZone="AvailabilityZone", ipv6CidrBlock="Ipv6CidrBlock"
    )
    found = calls("ec2", "create_subnet", **given, TagSpecifications=tags_of("subnet", inputs))["Subnet"]
    public(calls, found["SubnetId"], inputs)
    zone = {"availabilityZone": found["AvailabilityZone"], "availabilityZoneId": found.get("AvailabilityZoneId", "")}
    return Made(found["SubnetId"], zone)


def public(calls: Calls, given: str, inputs: Inputs) -> None:
    if "mapPublicIpOnLaunch" in inputs:
        value = {"Value": inputs["mapPublicIpOnLaunch"]}
        calls("ec2", "modify_subnet_attribute", SubnetId=given, MapPublicIpOnLaunch=value)


def subnet_changed(calls: Calls, record: CloudResource, inputs: Inputs) -> Made:
    public(calls, record.id, inputs)
    return retagged(calls, record, inputs)


def gateway(calls: Calls, inputs: Inputs) -> Made:
    tags = tags_of("internet-gateway", inputs)
    given = calls("ec2", "create_internet_gateway", TagSpecifications=tags)["InternetGateway"]["InternetGatewayId"]
    if inputs.get("vpcId"):
        calls("ec2", "attach_internet_gateway", InternetGatewayId=given, VpcId=inputs["vpcId"])
    return Made(given)


def gateway_gone(calls: Calls, record: CloudResource) -> None:
    if record.outputs.get("vpcId"):
        calls("ec2", "detach_internet_gateway", InternetGatewayId=record.id, VpcId=record.outputs["vpcId"])
    calls("ec2", "delete_internet_gateway", InternetGatewayId=record.id)


def address(calls: Calls, inputs: Inputs) -> Made:
    found = calls("ec2", "allocate_address", Domain="vpc", TagSpecifications=tags_of("elastic-ip", inputs))
    return Made(found["AllocationId"], {"publicIp": found["PublicIp"], "allocationId": found["AllocationId"]})


def nat(calls: Calls, inputs: Inputs) -> Made:
    given = renamed(inputs, subnetId="SubnetId", allocationId="AllocationId", connectivityType="ConnectivityType")
    found = calls("ec2", "create_nat_gateway", **given, TagSpecifications=tags_of("natgateway", inputs))["NatGateway"]
    addresses: list[Mapping[str, str]] = found.get("NatGatewayAddresses") or [{}]
    first = addresses[0]
    seen = renamed(first, PublicIp="publicIp", PrivateIp="privateIp", NetworkInterfaceId="networkInterfaceId")
    return Made(found["NatGatewayId"], seen)


def nat_there(calls: Calls, record: CloudResource) -> bool:
    found = calls("ec2", "describe_nat_gateways", NatGatewayIds=[record.id])["NatGateways"]
    return any(each["State"] != "deleted" for each in found)


TARGETS = {
    "gatewayId": "GatewayId",
    "natGatewayId": "NatGatewayId",
    "transitGatewayId": "TransitGatewayId",
    "vpcEndpointId": "VpcEndpointId",
    "networkInterfaceId": "NetworkInterfaceId",
    "vpcPeeringConnectionId": "VpcPeeringConnectionId",
    "egressOnlyGatewayId": "EgressOnlyInternetGatewayId",
}


def table(calls: Calls, inputs: Inputs) -> Made:
    tags = tags_of("route-table", inputs)
    made = calls("ec2", "create_route_table", VpcId=inputs["vpcId"], TagSpecifications=tags)
    given = made["RouteTable"]["RouteTableId"]
    for each in inputs.get("routes") or ():
        target = renamed(each, cidrBlock="DestinationCidrBlock", ipv6CidrBlock="DestinationIpv6CidrBlock", **TARGETS)
        calls("ec2", "create_route", RouteTableId=given, **target)
    return Made(given)


def route(calls: Calls, inputs: Inputs) -> Made:
    calls("ec2", "create_route", **_route(inputs), **renamed(inputs, **TARGETS))
    return Made()


def _route(inputs: Inputs) -> dict[str, Any]:
    return renamed(
        inputs,
        routeTableId="RouteTableId",
        destinationCidrBlock="DestinationCidrBlock",
        destinationIpv6CidrBlock="DestinationIpv6CidrBlock",
        destinationPrefixListId="DestinationPrefixListId",
    )


def route_changed(calls: Calls, record: CloudResource, inputs: Inputs) -> Made:
    del record
    calls("ec2", "replace_route", **_route(inputs), **renamed(inputs, **TARGETS))
    return Made()


def route_gone(calls: Calls, record: CloudResource) -> None:
    calls("ec2", "delete_route", **_route(record.inputs))


def route_there(calls: Calls, record: CloudResource) -> bool:
    found = calls("ec2", "describe_route_tables", RouteTableIds=[record.inputs["routeTableId"]])
    wanted = record.inputs.get("destinationCidrBlock")
    routes: list[dict[str, Any]] = found["RouteTables"][0]["Routes"]
    return wanted is None or any(each.get("DestinationCidrBlock") == wanted for each in routes)


def association(calls: Calls, inputs: Inputs) -> Made:
    given = renamed(inputs, routeTableId="RouteTableId", subnetId="SubnetId", gatewayId="GatewayId")
    return Made(calls("ec2", "associate_route_table", **given)["AssociationId"])


def association_there(calls: Calls, record: CloudResource) -> bool:
    found = calls("ec2", "describe_route_tables", RouteTableIds=[record.outputs["routeTableId"]])
    associations: list[dict[str, Any]] = found["RouteTables"][0]["Associations"]
    return any(each["RouteTableAssociationId"] == record.id for each in associations)


def endpoint(calls: Calls, inputs: Inputs) -> Made:
    given = renamed(
        inputs,
        vpcId="VpcId",
        serviceName="ServiceName",
        vpcEndpointType="VpcEndpointType",
        routeTableIds="RouteTableIds",
        subnetIds="SubnetIds",
        securityGroupIds="SecurityGroupIds",
        privateDnsEnabled="PrivateDnsEnabled",
        policy="PolicyDocument",
    )
    made = calls("ec2", "create_vpc_endpoint", **given, TagSpecifications=tags_of("vpc-endpoint", inputs))
    return Made(made["VpcEndpoint"]["VpcEndpointId"])


def endpoint_there(calls: Calls, record: CloudResource) -> bool:
    found = calls("ec2", "describe_vpc_endpoints", VpcEndpointIds=[record.id])["VpcEndpoints"]
    return any(each["State"] != "deleted" for each in found)


HANDLERS: Mapping[str, Handler] = {
    "aws:ec2/vpc:Vpc": Handler(
        make=vpc,
        change=vpc_changed,
        drop=by_id("delete_vpc", "VpcId"),
        look=by_id("describe_vpcs", "VpcIds", many=True),
    ),
    "aws:ec2/subnet:Subnet": Handler(
        make=subnet,
        change=subnet_changed,
        drop=by_id("delete_subnet", "SubnetId"),
        look=by_id("describe_subnets", "SubnetIds", many=True),
    ),
    "aws:ec2/internetGateway:InternetGateway": Handler(
        make=gateway,
        change=retagged,
        drop=gateway_gone,
        look=by_id("describe_internet_gateways", "InternetGatewayIds", many=True),
    ),
    "aws:ec2/eip:Eip": Handler(
        make=address,
        change=retagged,
        drop=by_id("release_address", "AllocationId"),
        look=by_id("describe_addresses", "AllocationIds", many=True),
    ),
    "aws:ec2/natGateway:NatGateway": Handler(
        make=nat, change=retagged, drop=by_id("delete_nat_gateway", "NatGatewayId"), look=nat_there
    ),
    "aws:ec2/routeTable:RouteTable": Handler(
        make=table,
        change=retagged,
        drop=by_id("delete_route_table", "RouteTableId"),
        look=by_id("describe_route_tables", "RouteTableIds", many=True),
    ),
    "aws:ec2/route:Route": Handler(make=route, change=route_changed, drop=absent_is_fine(route_gone), look=route_there),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": Handler(
        make=association,
        drop=absent_is_fine(by_id("disassociate_route_table", "AssociationId")),
        look=association_there,
    ),
    "aws:ec2/vpcEndpoint:VpcEndpoint": Handler(
        make=endpoint,
        change=retagged,
        drop=by_id("delete_vpc_endpoints", "VpcEndpointIds", many=True),
        look=endpoint_there,
    ),
}
