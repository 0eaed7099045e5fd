"""Whole worlds made of a seed: pushes from outbox to inbox while everything on the way goes wrong.

`plan` says what happens in a world, `network` and `sides` are the parts that can break, `world` lets it happen, `seen`
looks on, `promises` says what has to be true then; `worlds` is for many of them, and `tally` counts. `make soak` runs
thousands, `test_soak` a few.
"""
