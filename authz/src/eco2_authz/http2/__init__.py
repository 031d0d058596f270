"""HTTP/2 for servers of small unary calls (RFC 9113), without IO: bytes go in, bytes come out."""
