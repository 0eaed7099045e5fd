"""Hostile bytes: every parser and machine that a peer, a client or a file reaches, under octets that nobody would send.

`targets` says what is reached and what must hold of it, `mutation` where inputs come from, `run` counts and judges,
`guided` lets coverage choose them, `growth` asks what an octet costs in a long input, `live` does it to real daemons.
"""
