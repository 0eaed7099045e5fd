"""What two real daemons do for a good client while somebody floods them: `python -m benchmarks.floods`, `make floods`.

`attacks` says what each attack sends, `attacker` is the process that sends it, `good` the client that must not notice.
"""
