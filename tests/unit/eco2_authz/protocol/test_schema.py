"""The few fields we name have the numbers and kinds that Envoy and gRPC gave them."""

from typing import Any

import pytest
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest as Full
from grpc_health.v1.health_pb2 import HealthCheckRequest as FullHealth

from eco2_authz.protocol.schema import CheckRequest, HealthCheckRequest


def compare(ours: Any, theirs: Any) -> None:
    """Each of our fields is one of theirs."""
    for field in ours.fields:
        other = theirs.fields_by_number[field.number]
        assert (field.type, field.is_repeated) == (other.type, other.is_repeated)
        assert (field.containing_oneof is None) == (other.containing_oneof is None)
        assert field.name == other.name
        if field.message_type is not None:
            assert field.message_type.GetOptions().map_entry == other.message_type.GetOptions().map_entry
            compare(field.message_type, other.message_type)


@pytest.mark.parametrize(("ours", "theirs"), [(CheckRequest, Full), (HealthCheckRequest, FullHealth)])
def test_it_is_a_part_of_the_full_definition(ours: Any, theirs: Any) -> None:
    compare(ours.DESCRIPTOR, theirs.DESCRIPTOR)
