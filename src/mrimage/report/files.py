"""Paths below OUT of the files that a report is made from and of those that it writes."""

FACTS = "_run/facts.json"
"""What the run recorded about itself, as ``types.RunFacts``."""

SUMMARY = "summary.json"
"""The figures of the report."""

MARKS = ".marks.parquet"
"""How the name of the user's marks ends: ``OUT.marks.parquet``, beside OUT and not in it."""
