"""Two real daemons that are killed, stopped, lied to by their disk and their clock, while pushes go between them.

`shim` is what makes system calls fail (shim.c, loaded into the daemons), `fault` what may happen, `victim` a daemon to
which it happens, `traffic` the clients, `verdict` what has to be true in the end, `ordeal` all of it together.
`syncs` reads from a trace whether anything was promised before it was on the disk, `long_queue` measures a start with
a long queue. `make soak` runs the ordeal for minutes, `test_ordeal` for seconds.
"""
