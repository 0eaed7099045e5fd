"""Whole worlds made of a seed: pushes from outbox to inbox while everything on the way goes wrong.

`plan` says what happens in a world, `network` and `sides` are the parts that can break, `world` lets it happen and
looks at what is left, `worlds` is for many of them, `tally` counts. `make soak` runs thousands, `test_soak` a few.
"""
