import pytest
from matplotlib.figure import Figure

from teacherstudent.comparing.compare import compare


def best_seeds(scene):
    """Draw the best seed of each teacher."""
    figure = Figure()
    axes = figure.add_subplot()
    for group in scene.groups:
        axes.bar(group.teacher, max(curve.score[-1] for curve in group.curves))
    axes.set_title(scene.setting.label)
    return {"best-seeds": figure}


def test_a_figure_of_ones_own_stands_beside_the_others(write_run, tmp_path):
    for seed in range(2):
        write_run(f"r/{seed}", seed=seed, final=50.0)
    comparison = compare([tmp_path / "r"], tmp_path / "out", figures=[best_seeds])
    names = [path.name for path in comparison.figures]
    assert names.index("best-seeds.png") > names.index("learning.png")
    assert (tmp_path / "out" / "best-seeds.png").stat().st_size > 1000


def test_two_figures_of_one_name_are_refused(write_run, tmp_path):
    write_run("r/0", final=50.0)
    with pytest.raises(ValueError, match=r"figures: expected names that differ, got \['curves'\] twice"):
        compare([tmp_path / "r"], tmp_path / "out", figures=[lambda scene: {"curves": Figure()}])
