"""What mkdocs.yml cannot say: pages that are made from the code, and links to files outside docs/.

The pages of docs/ also have to be readable in the repository, where they link to files beside
docs/: a page such as ``../CONTRIBUTING.md`` is a page of the site too, and a source file such as
``../examples/hue_count.py`` is a text file of the site.
"""

from __future__ import annotations

import posixpath
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from markdown.extensions.toc import slugify
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(Path(__file__).parent))

import made_pages  # noqa: E402  # beside this file, which is in no package

FROM_THE_ROOT = {
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "benchmarks/README.md": "benchmarks.md",
    "README.md": "index.md",
}
"""Markdown files outside docs/, and the pages of the site that they become. The README's is the
overview, which says the same in more words."""

NOT_COPIED = {"README.md"}

LINK = re.compile(r"\[([^\]]*)\]\(([^)#\s]+)(#[^)\s]*)?\)")
BLOCK = re.compile(r"(^ *```.*?^ *```$)", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`[^`\n]*`")

LATER = ("explore.md", "duplicates.md", "patterns.md")
"""Pages that are in the navigation as soon as they exist."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the pages of LATER that exist to the section "Guide"."""
    guide = next(section["Guide"] for section in config.nav or [] if "Guide" in section)
    guide.extend(name for name in LATER if (ROOT / "docs" / name).exists())
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made here, and the files outside docs/ that pages link to."""
    for name, text in made_pages.make(ROOT).items():
        files.append(File.generated(config, name, content=text))
    for source, name in FROM_THE_ROOT.items():
        if source not in NOT_COPIED:
            files.append(File.generated(config, name, content=(ROOT / source).read_text()))
    for source in sorted(set(_linked_sources(files))):
        files.append(File.generated(config, f"{source}.txt", abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links that leave docs/ to the page or the text file of the site."""
    here = page.file.src_uri
    parts = BLOCK.split(markdown)
    return "".join(
        part if index % 2 else _for_the_site(part, here) for index, part in enumerate(parts)
    )


def _for_the_site(text: str, page: str) -> str:
    # In the repository, a cell of a table has "\|" for "|" in code too; here it would be shown.
    text = INLINE.sub(lambda code: code[0].replace("\\|", "|"), text)
    return LINK.sub(lambda link: _moved(link, page), text)


def _moved(link: re.Match[str], page: str) -> str:
    text, target, anchor = link[1], link[2], link[3] or ""
    source = _source(target, page)
    if source is None:
        return link[0]
    if source.startswith("examples"):
        place = "examples.md"
        name = posixpath.relpath(source, "examples")
        anchor = "" if name == "." else f"#{slugify(name, '-')}"
    elif source in FROM_THE_ROOT:
        place = FROM_THE_ROOT[source]
    elif is_page(source):
        place = source.removeprefix("docs/")
    elif (ROOT / source).is_file():
        place = f"{source}.txt"
    else:
        # The site has no folders of the package.
        return text
    return f"[{text}]({posixpath.relpath(place, posixpath.dirname(page) or '.')}{anchor})"


def _source(target: str, page: str) -> str | None:
    """The path below the repository's root that the link leads to; None if it stays in docs/."""
    if "://" in target or target.startswith(("mailto:", "/")):
        return None
    origin = next((file for file, name in FROM_THE_ROOT.items() if name == page), f"docs/{page}")
    if page == "index.md":
        origin = "docs/index.md"
    path = posixpath.normpath(posixpath.join(posixpath.dirname(origin), target))
    is_plain = path.startswith("docs/") and origin.startswith("docs/")
    return None if is_plain else path


def _linked_sources(files: Files) -> Iterator[str]:
    """Files outside docs/ that a page links to and that are no pages of the site."""
    for file in files.documentation_pages():
        text = file.content_string
        for link in LINK.finditer(BLOCK.sub("", text)):
            source = _source(link[2], file.src_uri)
            if source is None or source in FROM_THE_ROOT or is_page(source):
                continue
            if (ROOT / source).is_file() and not source.startswith("examples/"):
                yield source


def is_page(source: str) -> bool:
    """Whether the file is a page or a picture in docs/."""
    return source.startswith("docs/") and not source.startswith("docs/site/")
