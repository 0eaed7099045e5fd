SIP goes over TLS, too: `listen = ["tls:..."]`, `transport=tls` and `sips:` addresses; the peer's certificate must be for its SIP domain (RFC 5922), and a push that fails for that says so.
