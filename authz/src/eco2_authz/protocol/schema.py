"""The few fields of Envoy's messages that are read here, as protobuf classes.

The full definitions of Envoy are thousands of files; upb skips what a schema does not name, and parses faster for it.
The classes live in a pool of their own, so that the real definitions may be loaded beside them.
"""

from typing import Any, Final

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

_PACKAGE: Final = "eco2.authz"
_STRING: Final = FieldDescriptorProto.TYPE_STRING
_BYTES: Final = FieldDescriptorProto.TYPE_BYTES
_MESSAGE: Final = FieldDescriptorProto.TYPE_MESSAGE
_ONE: Final = FieldDescriptorProto.LABEL_OPTIONAL
_MANY: Final = FieldDescriptorProto.LABEL_REPEATED


def _message(file: FileDescriptorProto, name: str, **fields: tuple[int, int] | tuple[int, str]) -> DescriptorProto:
    """Define a message: fields by name, with number and scalar type or the name of another message."""
    message = file.message_type.add(name=name)
    for field, (number, kind) in fields.items():
        if isinstance(kind, str):
            message.field.add(name=field, number=number, label=_ONE, type=_MESSAGE, type_name=f".{_PACKAGE}.{kind}")
        else:
            message.field.add(name=field, number=number, label=_ONE, type=kind)
    return message


def _repeated(message: DescriptorProto, field: str, number: int, kind: str) -> None:
    message.field.add(name=field, number=number, label=_MANY, type=_MESSAGE, type_name=f".{_PACKAGE}.{kind}")


def _map(message: DescriptorProto, field: str, number: int) -> None:
    """Add a ``map<string, string>``."""
    entry = message.nested_type.add(name=f"{field.capitalize()}Entry")
    entry.options.map_entry = True
    for name, position in (("key", 1), ("value", 2)):
        entry.field.add(name=name, number=position, label=_ONE, type=_STRING)
    _repeated(message, field, number, f"{message.name}.{entry.name}")


def _file() -> FileDescriptorProto:
    file = FileDescriptorProto(name="eco2/authz.proto", package=_PACKAGE, syntax="proto3")
    # envoy/service/auth/v3/external_auth.proto and attribute_context.proto, envoy/config/core/v3/base.proto
    _message(file, "CheckRequest", attributes=(1, "Attributes"))
    _message(file, "Attributes", request=(4, "Request"))
    _message(file, "Request", http=(2, "Http"))
    http = _message(
        file,
        "Http",
        id=(1, _STRING),
        method=(2, _STRING),
        path=(4, _STRING),
        host=(5, _STRING),
        header_map=(13, "List"),
    )
    _map(http, "headers", 3)
    _repeated(_message(file, "List"), "headers", 1, "Header")
    _message(file, "Header", key=(1, _STRING), value=(2, _STRING), raw_value=(3, _BYTES))
    # grpc/health/v1/health.proto
    _message(file, "HealthCheckRequest", service=(1, _STRING))
    return file


def _class(pool: DescriptorPool, name: str) -> Any:
    return GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))


_POOL: Final = DescriptorPool()
_POOL.AddSerializedFile(_file().SerializeToString())

CheckRequest: Final = _class(_POOL, "CheckRequest")
HealthCheckRequest: Final = _class(_POOL, "HealthCheckRequest")
