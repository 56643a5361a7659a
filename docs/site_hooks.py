"""What mkdocs cannot do by itself: pages from files beside the code, from notebooks and of all figures; links that lead out of docs.

Pictures are links to themselves, since a phone shows them too small to be read.
"""

import logging
import re
from pathlib import Path, PurePosixPath

from mkdocs.structure.files import File
from nbconvert import MarkdownExporter

ROOT = Path(__file__).parents[1]
PAGES = {"config/README.md": "configuration.md", "results/README.md": "results.md"}  # file of the repository → page of the site
FOLDERS = {"docs/reproduction/figures": "figures.md"}  # folder of the repository → page that shows what lies in it
CAPTIONS, FIGURES = ROOT / "workflow" / "report", ROOT / "docs" / "reproduction" / "figures"
FIGURES_PAGE = """# All figures

Drawn from the [published runs](reproduction/README.md). A picture is a link to itself in full size.
"""
PANELS = {"fig2": "2a, b", "fig2cd": "2c, d"}  # of the one figure that lies in two files
ROLE = re.compile(r"(?:\\ )?:(sub|sup):`([^`]*)`")  # of reStructuredText, in captions
STYLE = re.compile(r"<style scoped>.*?</style>\n?", re.DOTALL)
LINK = re.compile(r"\[([^\]]+)\]\((?!https?:|#)([^)#]+)(#[^)]*)?\)")
PICTURE = re.compile(r'<img [^>]*?src="([^"]+)"[^>]*>')
NUMBER = re.compile(r"<td>(?=[^<]*\d)([^<]{1,20})</td>")  # a short cell with one; on a phone it would be broken at its signs
NOT_SAID = re.compile(r'–\s*<div class="doc-md-description">\s*</div>')  # of a parameter whose type says all
MANGLED = re.compile(r"<em\b[^>]*>[^<]*[{}^_∞][^<]*</em>")  # a formula whose _ or * was taken for emphasis
log = logging.getLogger("mkdocs.hooks")


def on_files(files, config):
    """Add the pages that stand elsewhere in the repository."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    for notebook in sorted((ROOT / "docs" / "examples").glob("*.ipynb")):
        for page, content in pages_of(notebook).items():
            files.append(File.generated(config, f"examples/{page}", content=content))
    files.append(File.generated(config, "figures.md", content=figures()))
    return files


def pages_of(notebook):
    """The Markdown of a notebook as it was last run, and its pictures: file names below examples → contents."""
    name = notebook.stem
    text, resources = MarkdownExporter().from_filename(str(notebook), {"unique_key": name, "output_files_dir": "pictures"})
    # Tables of pandas as plain ones, which the theme then styles as its own.
    text = STYLE.sub("", text).replace('<table border="1" class="dataframe">', "<table>").replace(' style="text-align: right;"', "")
    source = f"*This page is a notebook: [{notebook.name}]({notebook.name}). It shows what it printed when it was last run as a whole.*"
    title, rest = text.strip().split("\n", 1)
    return {f"{name}.md": f"{title}\n\n{source}\n{rest}\n"} | {path.replace("\\", "/"): data for path, data in resources["outputs"].items()}


def figures():
    """The Markdown of all published figures, with the captions of the report."""
    parts = [FIGURES_PAGE]
    for path in sorted(FIGURES.glob("*.png"), key=order):
        name = PANELS.get(path.stem, path.stem.removeprefix("fig"))
        caption = ROLE.sub(r"<\1>\2</\1>", (CAPTIONS / f"{path.stem}.rst").read_text(encoding="utf-8"))
        parts.append(f"## Figure {name}\n\n![Figure {name}](reproduction/figures/{path.name})\n\n{caption}")
    return "\n".join(parts)


def order(path):
    """Those of the paper's text, of its appendices, and those that it does not have: 1, 2, 2cd, …, A1, …, B5, …, R, S."""
    letter, number, rest = re.fullmatch(r"fig([A-Z]?)(\d*)(\w*)", path.stem).groups()
    return letter, int(number or 0), rest


def on_page_markdown(markdown, page, config, files):
    """Lead links to files of the repository to their pages; where there is none, to the file's name in words."""
    homes = {there: here for here, there in PAGES.items()}
    folder = PurePosixPath(homes.get(page.file.src_uri, f"docs/{page.file.src_uri}")).parent

    def replaced(match):
        text, target, anchor = match[1], match[2], match[3] or ""
        place = _normal(folder / target)
        if place.startswith("docs/") or place in PAGES:
            there = (PAGES | FOLDERS).get(place, place.removeprefix("docs/"))
            return f"[{text}]({_relative(there, page.file.src_uri)}{anchor})"
        if not (ROOT / place).exists():
            return match[0]  # a broken link, of which mkdocs complains
        return text if text.strip("`") == place else f"{text} (`{place}`)"

    return LINK.sub(replaced, markdown)


def on_page_content(html, page, config, files):
    """Make pictures links, keep numbers in one line, leave out dashes before nothing.

    A formula that Markdown has changed is warned of, which in a strict build is an error.
    """
    if found := MANGLED.search(html):
        log.warning(f"{page.file.src_uri}: a formula was taken for emphasis: {found[0]}; put it between backticks")
    html = NOT_SAID.sub("", NUMBER.sub(r'<td class="number">\1</td>', html))
    return PICTURE.sub(r'<a href="\1">\g<0></a>', html)


def _normal(path):
    parts = []
    for part in path.parts:
        parts = parts[:-1] if part == ".." else [*parts, part]
    return "/".join(parts)


def _relative(target, page):
    return "../" * page.count("/") + target
