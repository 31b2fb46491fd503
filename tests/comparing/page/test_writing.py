import base64
import gzip
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from drawn_runs import write_pair
from matplotlib.figure import Figure

from teacherstudent.comparing.compare import PAGE, analyse, compare
from teacherstudent.comparing.figures.draw import draw_all
from teacherstudent.comparing.page.writing import make_page
from teacherstudent.recording.runs import Run, find_runs

VOID = {"meta", "link", "input", "img", "br"}


class Page(HTMLParser):
    """What a page holds: open elements are counted, addresses and texts are collected."""

    def __init__(self, text):
        super().__init__()
        self.open = []
        self.addresses = []
        self.scripts = []
        self.ids = []
        self.text = text
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        own = dict(attributes)
        self.addresses += [own[name] for name in ("src", "href") if name in own]
        self.ids += [own["id"]] if "id" in own else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def data(self):
        letters = re.search(r'id="data">(.*?)</script>', self.text, re.DOTALL).group(1)
        return json.loads(gzip.decompress(base64.b64decode(letters)))


@pytest.fixture
def page(write_run, tmp_path):
    write_pair(write_run)
    compare([tmp_path / "r"], tmp_path / "out", baseline="riac")
    return Page((tmp_path / "out" / PAGE).read_text())


def test_a_page_needs_nothing_else(page):
    outside = [each for each in page.addresses if not each.startswith(("#", "data:", "../r/"))]
    assert outside == []
    assert "default-src 'none'" in page.text
    assert len(page.ids) == len(set(page.ids)), "every part has a name of its own"


def test_a_page_holds_every_figure_with_its_files(page):
    data = page.data()
    views = set(re.findall(r'class="view" data-view="([^"]+)"', page.text))
    assert {"s0-curves-0", "s0-learning-0", "s0-reliability-0", "s0-tasks-0", "s0-tests-0"} <= views
    assert set(data["csv"]) == views
    assert "s0-sampling-0" not in views, "the player shows it"
    pdf = json.loads(re.search(r'id="pdf">(.*?)</script>', page.text, re.DOTALL).group(1))
    assert set(pdf) == views
    assert base64.b64decode(pdf["s0-curves-0"]).startswith(b"%PDF-")
    assert list(data["play"]) == ["s0-play0"]
    assert data["teachers"] == ["alp-gmm", "riac"]


def test_curves_can_be_switched_to_what_runs_have_recorded(page):
    switches = re.findall(r'<button type="button" data-view="s0-curves-\d"[^>]*>([^<]+)<', page.text)
    assert switches[0].startswith("cost (")
    assert "updates" in switches
    assert not any("seconds" in each for each in switches), "these runs have no seconds"


def test_the_first_line_says_what_the_table_says(page):
    assert re.search(r'class="best">(No teacher stands before riac|alp-gmm stands first)', page.text)
    assert "the whole ledger" in page.text


def test_the_same_runs_give_the_same_page(write_run, tmp_path):
    write_pair(write_run, seeds=1)
    compare([tmp_path / "r"], tmp_path / "a")
    compare([tmp_path / "r"], tmp_path / "b")
    assert (tmp_path / "a" / PAGE).read_bytes() == (tmp_path / "b" / PAGE).read_bytes()


def test_names_of_files_are_only_texts(write_run, tmp_path):
    hostile = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    write_run(
        "r/0",
        teacher={"name": "riac", "options": {}, "label": hostile},
        family={"name": "\"><svg onload='alert(3)'>", "options": {}},
        plan_text="{{ 7 * 7 }}</pre><script>alert(4)</script>",
        test_set="<b>",
    )
    compare([tmp_path / "r"], tmp_path / "out")
    page = Page((tmp_path / "out" / PAGE).read_text())
    assert "<script>alert" not in page.text
    assert "<img src=x" not in page.text
    assert "<svg onload" not in page.text
    assert "{{ 7 * 7 }}" in page.text
    assert page.data()["teachers"] == [hostile]


def test_names_of_users_figures_are_only_texts(write_run, tmp_path):
    write_run("r/0")
    names = ['"><script>alert(1)</script>', "'></p>", "教師", "学生"]

    def draw(scene):
        figures = {}
        for name in names:
            figures[name] = Figure()
            figures[name].subplots().plot([0, 1])
        return figures

    comparison = analyse(find_runs([tmp_path / "r"]))
    page = Page(make_page(comparison, draw_all(comparison, more=[draw]), page=None))
    assert "<script>alert" not in page.text
    assert "</p>" not in "".join(page.ids)
    assert len(page.ids) == len(set(page.ids))
    assert "教師" in page.text


def test_scores_that_are_no_numbers_leave_a_page(write_run, tmp_path, monkeypatch):
    write_pair(write_run, seeds=1)

    def tests(run, columns=None):
        table = read(run, columns)
        if run.teacher_name == "riac":
            table["score"] = np.full_like(table["score"], np.nan)
        return table

    read = Run.tests
    monkeypatch.setattr(Run, "tests", tests)
    compare([tmp_path / "r"], tmp_path / "out")
    assert "s0-tests-0" in Page((tmp_path / "out" / PAGE).read_text()).data()["csv"]


def test_one_seed_shows_nothing_of_others(write_run, tmp_path):
    write_run("r/0")
    write_run("r/1", teacher={"name": "riac", "options": {}}, final=80.0)
    compare([tmp_path / "r"], tmp_path / "out")
    assert "With one seed on a side there is no interval" in (tmp_path / "out" / PAGE).read_text()


def test_runs_that_did_not_finish_are_listed(write_run, tmp_path):
    write_run("r/a/0")
    write_run("r/b/0", status="failed", error=RuntimeError("lost"), until=0.5, seed=1)
    compare([tmp_path / "r"], tmp_path / "out")
    text = (tmp_path / "out" / PAGE).read_text()
    assert "runs that did not finish" in text
    assert "RuntimeError: lost" in text


def test_several_settings_have_parts_of_their_own(write_run, tmp_path):
    write_run("r/a", family={"name": "one", "options": {}})
    write_run("r/b", family={"name": "two", "options": {}})
    compare([tmp_path / "r"], tmp_path / "out")
    page = Page((tmp_path / "out" / PAGE).read_text())
    assert '<section id="s0">' in page.text
    assert '<section id="s1">' in page.text
    assert len(page.ids) == len(set(page.ids))
    assert {view.split("-")[0] for view in page.data()["csv"]} == {"s0", "s1"}


def test_fifty_runs_make_a_small_page(write_run, tmp_path):
    for seed in range(5):
        for i in range(10):
            name = {"name": f"teacher-{i}", "options": {}}
            write_run(f"r/{i}/{seed}", teacher=name, seed=seed, final=10.0 * i)
    compare([tmp_path / "r"], tmp_path / "out")
    assert (tmp_path / "out" / PAGE).stat().st_size < 5_000_000
