"""Findings in words, each with the rule that made it and the query that lists its images."""

from __future__ import annotations

from mrimage.report.figures import Data, Groups, Health, Insight
from mrimage.report.tables import Tables
from mrimage.types import RunFacts


def find_insights(tables: Tables, facts: RunFacts, data: Data, groups: Groups, health: Health) -> tuple[Insight, ...]:
    """What a person would want to be told, the most pressing first."""
    return ()
