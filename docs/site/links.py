"""Checks a built site: every link leads to a page and a heading that exist, and no page loads
anything from another host.

    python docs/site/links.py SITE
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {
    "script": "src",
    "img": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
    "iframe": "src",
    "link": "href",
}
"""Elements that load what they name, and the attribute that names it."""

NOT_LOADED = ("canonical", "prev", "next", "alternate", "edit", "author")
"""Kinds of ``<link>`` that load nothing."""


@dataclass
class Found:
    """What a page contains: ids, links of readers, and what its elements load."""

    ids: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)


class Reader(HTMLParser):
    """Reads the ids and the links of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found = Found()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note an element's id, and what it links to."""
        given = {name: value or "" for name, value in attributes}
        for name in ("id", "name"):
            if name in given and not (tag == "meta" and name == "name"):
                self.found.ids.add(given[name])
        if tag == "a" and "href" in given:
            self.found.links.append(given["href"])
        is_loaded = tag in LOADED and given.get("rel", "") not in NOT_LOADED
        if is_loaded and given.get(LOADED[tag]):
            self.found.loaded.append(given[LOADED[tag]])


def problems(site: Path) -> Iterator[str]:
    """Yield a line for each link that leads nowhere, and for each thing that is loaded from
    another host."""
    pages = {path: _read(path) for path in sorted(site.rglob("*.html"))}
    for path, found in pages.items():
        page = path.relative_to(site)
        for target in found.loaded:
            if urlsplit(target).netloc:
                yield f"{page} loads {target}"
        for target in (*found.links, *found.loaded):
            if not _leads_somewhere(target, path, site, pages):
                yield f"{page} links to {target}, which does not exist"


def _read(path: Path) -> Found:
    reader = Reader()
    reader.feed(path.read_text())
    return reader.found


def _leads_somewhere(target: str, page: Path, site: Path, pages: dict[Path, Found]) -> bool:
    """Whether a link within the site has a file, and a heading if it names one. Links to other
    hosts are not followed: this works without a network."""
    parts = urlsplit(target)
    if parts.scheme or parts.netloc:
        return True
    path = unquote(parts.path)
    base = site if path.startswith("/") else page.parent
    file = Path(base, path.lstrip("/")).resolve() if path else page.resolve()
    if file.is_dir():
        file /= "index.html"
    if not file.is_file():
        return False
    has_no_anchor = not parts.fragment or file.suffix != ".html"
    return has_no_anchor or unquote(parts.fragment) in pages[file].ids


def main() -> int:
    """Print the problems; the exit status is 1 if there are any."""
    found = list(problems(Path(sys.argv[1]).resolve()))
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
