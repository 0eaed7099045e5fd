"""RFC 4975, pure: URIs, chunks, the framer, and the two sides of one content. Sockets, TLS and SDP live elsewhere."""
