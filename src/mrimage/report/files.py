"""Where a run keeps what a report is made of and what it answers, below OUT."""

FACTS = "_run/facts.json"
"""What the run knows about itself, as ``types.RunFacts``."""

SUMMARY = "summary.json"
"""The figures of the report."""
