"""SIP as values and machines (RFC 3261, 3581, 4028, 6026): no sockets, no clock, no chance; those live in net."""
