"""Benchmarks: measure the project's claims about speed, beside other tools in the same run."""
