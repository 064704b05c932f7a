"""Attempts to make a collection lie: kills, power failures, full disks, readers beside writers, nasty text.

`python benchmarks/trust --help` runs the long forms; `tests/trust/` runs short ones in CI.
"""
