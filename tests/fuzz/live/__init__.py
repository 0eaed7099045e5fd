"""Hostile bytes to real daemons, over the real sockets of this machine and no other (SECURITY G1, G2, G4, G5).

`wires` are the sockets, `sip`, `msrp` and `http` what is said over them, `watched` what the daemons show of it.
"""
