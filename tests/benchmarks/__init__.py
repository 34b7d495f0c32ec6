"""Benchmarks: `make bench`, or `python -m tests.benchmarks --help`. What they found is in `docs/benchmarks.md`."""
