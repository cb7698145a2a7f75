"""The benchmarks: one program per row of docs/performance.md; `make bench` runs them all.

Every row runs its candidates by turns in one run against one server, counts the messages at that
server (one lost message fails the row), and shows median, spread and ratio per pair.
"""
