"""Benchmarks: what the project claims about speed, measured beside others in one run."""
