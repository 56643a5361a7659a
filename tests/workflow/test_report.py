"""The report is one file that shows every figure whole, the scorecard and the tables, in a browser."""

import json
import re
import shutil
import subprocess

import pytest
from checkouts import ROOT, snakemake

BROWSER = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)
FIGURES = sorted(path.stem for path in (ROOT / "workflow" / "report").glob("fig*.rst"))
WINDOW = (1400, 900)  # pixels
# Walks through all results as a reader does, and notes what the window shows of each.
WALK = """
<script>
const pause = time => new Promise(done => setTimeout(done, time));
async function walk() {
  const seen = {};
  for (const path of Object.keys(results)) {
    const page = getResultMimeType(path) == "text/html";
    app.setView({content: page ? "html" : "img", contentPath: results[path].data_uri, resultPath: path, navbarMode: "resultinfo"});
    await pause(50);
    const shown = document.querySelector(page ? "#app iframe" : "#app .grow > .p-3 > img");
    if (!page) await shown.decode();
    const {left, top, right, bottom} = shown.getBoundingClientRect();
    seen[path] = {page, left, top, right, bottom, width: shown.naturalWidth || 0, height: shown.naturalHeight || 0,
                  fit: getComputedStyle(shown).objectFit, window: [innerWidth, innerHeight], caption: results[path].caption,
                  labels: results[path].labels, said: document.querySelector("#app").innerText};
  }
  const note = document.createElement("pre");
  note.id = "seen";
  note.textContent = JSON.stringify(seen);
  document.body.append(note);
}
addEventListener("load", () => setTimeout(walk, 300));
</script>
"""


@pytest.fixture(scope="module")
def report(whole, tmp_path_factory):
    """The report of tests/whole.yaml."""
    directory = shutil.copytree(whole[0], tmp_path_factory.mktemp("report") / "made", symlinks=True)
    given = ["--configfile", ROOT / "tests" / "whole.yaml"]
    done = snakemake(directory, "report_contents", *given, checkout=ROOT)
    assert done.returncode == 0, done.stderr
    style = ["--report-stylesheet", ROOT / "workflow" / "report" / "report.css"]
    done = snakemake(directory, *given, "--report", "report.html", *style, "--", "report_contents", checkout=ROOT)
    assert done.returncode == 0, done.stderr
    return directory / "report.html"


def test_the_report_is_one_file_with_all_figures_tables_and_the_scorecard(report):
    text = report.read_text()
    assert not re.search(r"""<(script|link|img|iframe)\\b[^>]*\\b(src|href)=["']?https?:""", text)  # nothing is fetched
    for name in [f"figures/{name}.svg" for name in FIGURES] + ["report/scorecard.html", "report/channel_shares.html"]:
        assert f"results/whole/{name}" in text


@pytest.mark.skipif(BROWSER is None, reason="no Chromium to open it with: apt-get install chromium")
def test_a_browser_shows_every_figure_whole_with_its_caption(report, tmp_path):
    walked = tmp_path / "walked.html"
    text = report.read_text()
    end = text.rindex("</body>")
    walked.write_text(text[:end] + WALK + text[end:])
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'browser'}",
               f"--window-size={WINDOW[0]},{WINDOW[1]}", "--virtual-time-budget=60000", "--dump-dom", walked.as_uri()]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    found = re.search(r'<pre id="seen">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stderr[-2000:]
    seen = json.loads(found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    names = {path.rsplit("/", 1)[1].removesuffix(".svg") for path, each in seen.items() if not each["page"]}
    assert names == set(FIGURES)
    for path, each in seen.items():
        wide, high = each["window"]
        assert 0 <= each["left"] < each["right"] <= wide + 1 and 0 <= each["top"] < each["bottom"] <= high + 1, path
        assert each["right"] - each["left"] > wide / 3 and len(each["caption"]) > 100 and each["labels"], path
        assert each["page"] or each["width"] > 100 and each["height"] > 50 and each["fit"] == "contain", path
        words = re.sub(r"<[^>]*>|[`*]", "", each["caption"]).split()[:5]
        assert " ".join(words) in " ".join(each["said"].split()), path
