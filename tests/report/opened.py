"""A report opened in a browser, and what was seen there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from playwright.sync_api import Page


@dataclass
class Opened:
    """A page, and what went wrong on it."""

    page: Page
    problems: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


Open = Callable[..., Opened]


DRAWN = """() => [...document.querySelectorAll('.plot[data-chart]')].filter(
        place => !place.closest('details:not([open])')).map(place => [
    place.dataset.chart, place.dataset.state,
    [...place.querySelectorAll('.role-mark path')].filter(path => {
        const box = path.getBBox(); return box.width > 0 && box.height > 0; }).length])"""
