"""What a URN says of a resource."""


def name_in_urn(urn: str) -> str:
    return urn.rpartition("::")[2]


def type_in_urn(urn: str) -> str:
    return urn.split("::")[2].rpartition("$")[2]
