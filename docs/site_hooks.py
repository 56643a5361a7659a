"""What mkdocs cannot do by itself: pages from files beside the code and from notebooks, and links that lead out of docs."""

import re
from pathlib import Path, PurePosixPath

from mkdocs.structure.files import File
from nbconvert import MarkdownExporter

ROOT = Path(__file__).parents[1]
PAGES = {"config/README.md": "configuration.md", "results/README.md": "results.md"}  # file of the repository → page of the site
STYLE = re.compile(r"<style scoped>.*?</style>\n?", re.DOTALL)
LINK = re.compile(r"\[([^\]]+)\]\((?!https?:|#)([^)#]+)(#[^)]*)?\)")


def on_files(files, config):
    """Add the pages that stand elsewhere in the repository."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    for notebook in sorted((ROOT / "docs" / "examples").glob("*.ipynb")):
        for page, content in pages_of(notebook).items():
            files.append(File.generated(config, f"examples/{page}", content=content))
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


def on_page_markdown(markdown, page, config, files):
    """Lead links to files of the repository to their pages; where there is none, to the file's name in words."""
    homes = {there: here for here, there in PAGES.items()}
    folder = PurePosixPath(homes.get(page.file.src_uri, f"docs/{page.file.src_uri}")).parent

    def replaced(match):
        text, target, anchor = match[1], match[2], match[3] or ""
        place = _normal(folder / target)
        if place.startswith("docs/") or place in PAGES:
            return f"[{text}]({_relative(PAGES.get(place, place.removeprefix('docs/')), page.file.src_uri)}{anchor})"
        if not (ROOT / place).exists():
            return match[0]  # a broken link, of which mkdocs complains
        return text if text.strip("`") == place else f"{text} (`{place}`)"

    return LINK.sub(replaced, markdown)


def _normal(path):
    parts = []
    for part in path.parts:
        parts = parts[:-1] if part == ".." else [*parts, part]
    return "/".join(parts)


def _relative(target, page):
    return "../" * page.count("/") + target
