"""Renders the figures as one page that needs nothing else: styles, scripts and pictures are in it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from base64 import b64encode
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from mrimage.report import bundle, text
from mrimage.report.summary import Gathered


def render(gathered: Gathered) -> bytes:
    """The page as UTF-8."""
    style, script, library = _asset("page.css"), _asset("page.js"), bundle.load().replace("</script", "<\\/script")
    page = (
        _environment()
        .get_template("page.html")
        .render(
            summary=gathered.summary,
            shots=gathered.shots,
            style=Markup(style),
            scripts=[Markup(library), Markup(script)],
            policy=_policy([library, script], [style]),
            data=_json_island(dataclasses.asdict(gathered.summary)),
        )
    )
    return page.encode("utf-8", "replace")


def _policy(scripts: list[str], styles: list[str]) -> str:
    """Nothing is allowed but these very scripts and styles, and pictures inside the page."""
    return (
        f"default-src 'none'; script-src {' '.join(map(_hash, scripts))}; style-src {' '.join(map(_hash, styles))}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(content: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _json_island(value: object) -> Markup:
    """JSON that no content can end early: what HTML or JavaScript might read as markup is escaped."""
    plain = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False, default=str)
    return Markup(plain.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _asset(name: str) -> str:
    return files("mrimage.report").joinpath("assets", name).read_text(encoding="utf-8")


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_asset),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    names: dict[str, Any] = {
        name: getattr(text, name) for name in ("number", "short", "size", "percent", "duration", "plural")
    }
    environment.filters.update(names)
    return environment
