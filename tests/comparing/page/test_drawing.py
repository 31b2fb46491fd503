import csv
import io
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from drawn_runs import prepared, write_pair
from matplotlib.figure import Figure

from teacherstudent.comparing.figures.curves import draw_curves
from teacherstudent.comparing.figures.scene import Scene
from teacherstudent.comparing.figures.style import draw_line, legend_label
from teacherstudent.comparing.page import drawing
from teacherstudent.comparing.page.drawing import picture_of

NAMES = {"one (2 seeds)": "one", "two (2 seeds)": "two"}
TEACHERS = ["zero", "one", "two"]


def figure_of(points=5):
    """Return a figure with two lines, the first of which has a band."""
    figure = Figure(figsize=(4, 3), layout="constrained")
    axes = figure.subplots()
    grid = np.linspace(0.0, 10.0, points)
    curves = np.stack([grid, grid + 2.0])
    draw_line(axes, grid, curves, {"color": "#0072B2"}, "one (2 seeds)")
    axes.plot(grid, 3.0 * grid, color="#D55E00", label="two (2 seeds)")
    axes.axvline(5.0, color="#000000")
    axes.set_ylabel("y")
    return figure


def picture(figure, prefix="p"):
    return picture_of(figure, prefix, NAMES, TEACHERS)


def test_lines_and_bands_are_numbers():
    found = picture(figure_of())
    (panel,) = found.panels
    assert panel["grid"] == [0.0, 2.5, 5.0, 7.5, 10.0]
    one, two = panel["series"]
    assert (one["label"], one["colour"], one["y"]) == ("one", "#0072b2", [1.0, 3.5, 6.0, 8.5, 11.0])
    assert all(low < y < high for low, y, high in zip(one["low"], one["y"], one["high"], strict=True))
    assert (two["label"], two["low"], two["y"][-1]) == ("two", None, 30.0)
    rows = list(csv.DictReader(io.StringIO(found.csv)))
    assert [float(row["y"]) for row in rows if row["series"] == "two (2 seeds)"] == [0, 7.5, 15, 22.5, 30]
    assert {row["panel"] for row in rows} == {"y"}
    assert len(rows) == 10, "a line across the panel is no data"


def test_a_line_without_a_band_takes_none_of_its_colour():
    """With nine teachers colours repeat."""
    figure = Figure()
    axes = figure.subplots()
    grid = np.linspace(0.0, 1.0, 5)
    draw_line(axes, grid, grid[None], {"color": "#0072B2"}, "one (2 seeds)")
    draw_line(axes, grid, np.stack([grid, grid + 1.0]), {"color": "#0072B2"}, "two (2 seeds)")
    one, two = picture(figure).panels[0]["series"]
    assert one["low"] is None
    assert two["low"] is not None


def test_scales_are_no_data_and_bars_and_images_are():
    figure = Figure()
    axes = figure.subplots(1, 2)
    image = axes[0].imshow([[1.0, 2.0]])
    figure.colorbar(image)
    axes[1].bar([0.0, 1.0], [3.0, 4.0], width=0.5, label="=plr")
    rows = list(csv.reader(io.StringIO(picture(figure).csv)))[1:]
    assert [row[1:] for row in rows] == [
        ["", "0.0", "0.0", "", "", "1.0"],
        ["", "1.0", "0.0", "", "", "2.0"],
        ["'=plr", "0.0", "3.0", "", "", ""],
        ["'=plr", "1.0", "4.0", "", "", ""],
    ]


def test_a_panel_lies_where_it_is_drawn():
    figure = figure_of()
    (panel,) = picture(figure).panels
    left, top, width, height = panel["box"]
    box = figure.axes[0].get_position()
    assert left == pytest.approx(box.x0 * 4 * 72)
    assert top + height == pytest.approx((1 - box.y0) * 3 * 72)
    assert width / height == pytest.approx(4 * box.width / (3 * box.height))


def test_parts_of_a_teacher_are_marked_with_its_number():
    svg = picture(figure_of()).svg
    assert svg.count('class="series" data-series="1"') == 2, "a line and its band"
    assert svg.count('class="series" data-series="2"') == 1
    assert "series:" not in svg


def test_a_drawing_is_part_of_a_page():
    found = picture(figure_of(), "s0-curves-0")
    root = ET.fromstring(found.svg)
    ids = [part.get("id") for part in root.iter() if part.get("id")]
    assert len(ids) == len(set(ids))
    assert all(each.startswith("s0-curves-0-") for each in ids)
    assert "width" not in root.attrib
    assert "max-width:480px" in root.get("style")
    assert "var(--ink)" in found.svg
    assert "#000000" not in found.svg
    assert found.pixels == b""
    # The file keeps its colours and stands for itself.
    assert "var(" not in found.vector
    assert ET.fromstring(found.vector).get("width")


def test_a_figure_is_left_as_it_was():
    figure = figure_of()
    figure.axes[0].lines[0].set_gid("mine")
    first = picture(figure)
    assert figure.axes[0].lines[0].get_gid() == "mine"
    assert picture(figure) == first


def test_a_large_drawing_is_shown_as_pixels(monkeypatch):
    monkeypatch.setattr(drawing, "LARGEST", 1000)
    found = picture(figure_of())
    assert found.svg == ""
    assert found.pixels[:4] == b"RIFF"
    assert found.pdf[:5] == b"%PDF-"
    assert ET.fromstring(found.vector).tag.endswith("svg")


def test_texts_of_files_are_escaped():
    figure = figure_of()
    figure.axes[0].set_title("</svg><script>alert(1)</script>")
    found = picture(figure)
    assert "<script" not in found.svg
    assert "&lt;script&gt;" in found.svg


def test_dots_and_meshes_have_their_values():
    figure = Figure()
    dots, mesh = figure.subplots(1, 2)
    dots.scatter([1.0, 2.0], [3.0, 4.0], c=[5.0, 6.0])
    mesh.pcolormesh([0.0, 2.0, 4.0], [0.0, 1.0], [[7.0, 8.0]])
    rows = list(csv.reader(io.StringIO(picture(figure).csv)))[1:]
    assert [[float(row[i]) for i in (2, 3, 6)] for row in rows] == [
        [1, 3, 5],
        [2, 4, 6],
        [1, 0.5, 7],
        [3, 0.5, 8],
    ]


def test_many_dots_are_thinned_out(monkeypatch):
    monkeypatch.setattr(drawing, "ROWS", 10)
    figure = Figure()
    figure.subplots().scatter(np.arange(95.0), np.zeros(95), c=np.zeros(95))
    assert len(picture(figure).csv.splitlines()) == 1 + 10


def test_curves_of_runs_are_found(write_run, tmp_path):
    write_pair(write_run)
    setting, groups, style = prepared(tmp_path)
    figure = draw_curves(Scene(setting, groups, style))["curves"]
    names = {legend_label(group): group.teacher for group in groups}
    found = picture_of(figure, "p", names, list(style))
    assert len(found.panels) == 2
    for panel in found.panels:
        assert sorted(each["label"] for each in panel["series"]) == ["alp-gmm", "riac"]
        assert all(each["low"] is not None for each in panel["series"])
