"""Side-by-side benchmarks: ``python -m tests.benchmarks``."""
