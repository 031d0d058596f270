"""gRPC's unary calls over HTTP/2 (grpc/doc/PROTOCOL-HTTP2.md)."""
