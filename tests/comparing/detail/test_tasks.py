from drawn_runs import prepared, write_pair

from teacherstudent.comparing.detail.tasks import draw_tasks
from teacherstudent.comparing.figures.scene import Scene
from teacherstudent.recording.runs import Run


def scene(tmp_path):
    return Scene(*prepared(tmp_path))


def meshes(figure):
    return {axes.get_title(): axes.collections[0] for axes in figure.axes if axes.get_title()}


def test_rows_are_tasks_and_columns_are_tests(write_run, tmp_path):
    write_pair(write_run)
    (figure,) = draw_tasks(scene(tmp_path)).values()
    found = meshes(figure)
    assert sorted(found) == ["alp-gmm", "riac"]
    scores = found["riac"].get_array().reshape(100, 5)
    # In the k-th of five tests the first 12.5 k of 100 tasks score 1: the easiest are at the bottom.
    assert scores[0].tolist() == [0, 1, 1, 1, 1]
    assert scores[-1].tolist() == [0] * 5
    assert scores.sum(axis=0).tolist() == [0, 12, 25, 38, 50]
    edges = found["riac"].get_coordinates()[0, :, 0]
    assert edges.tolist() == [0, 125, 375, 625, 875, 1000]


def test_scores_are_means_over_seeds(write_run, tmp_path):
    for seed, final in enumerate((20.0, 60.0)):
        write_run(f"r/{seed}", seed=seed, final=final)
    scores = meshes(draw_tasks(scene(tmp_path))["tasks"])["random"].get_array().reshape(100, 5)
    assert [scores[k, -1] for k in (0, 30, 70)] == [1.0, 0.5, 0.0]


def test_the_last_test_is_the_nearest_to_the_common_cost(write_run, tmp_path, monkeypatch):
    """Runs of other rounds end a little earlier."""
    write_run("r/a/0")
    write_run("r/b/0", teacher={"name": "riac", "options": {}})
    read = Run.tests

    def earlier(run, columns=None):
        table = read(run, columns)
        if run.teacher_name == "riac":
            table["spent"] = 0.99 * table["spent"]
        return table

    monkeypatch.setattr(Run, "tests", earlier)
    found = meshes(draw_tasks(scene(tmp_path))["tasks"])
    assert [found[name].get_array().reshape(100, -1).shape[1] for name in ("random", "riac")] == [5, 5]


def test_few_tasks_have_their_names(write_run, tmp_path, monkeypatch):
    names = [f"maze {k}" for k in range(100)]
    write_run("r/0", test_names=names)
    monkeypatch.setattr("teacherstudent.comparing.detail.tasks.NAMED", 100)
    labels = [label.get_text() for label in draw_tasks(scene(tmp_path))["tasks"].axes[0].get_yticklabels()]
    assert labels == names


def test_runs_tested_at_different_costs_have_no_common_picture(write_run, tmp_path):
    write_run("r/0", tests=5)
    write_run("r/1", tests=4, seed=1)
    assert draw_tasks(scene(tmp_path)) == {}


def test_tests_of_another_split_are_left_out(write_run, tmp_path):
    write_run("r/0", tested=90.0)
    scores = meshes(draw_tasks(scene(tmp_path))["tasks"])["random"].get_array().reshape(100, 4)
    assert scores.sum(axis=0).tolist() == [0, 12, 25, 38]


def test_one_test_is_no_course(write_run, tmp_path):
    write_run("r/0", tests=1)
    assert draw_tasks(Scene(*prepared(tmp_path))) == {}
