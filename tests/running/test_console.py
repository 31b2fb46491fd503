import io

import pytest
from rich.console import Console

from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.running import console as module
from teacherstudent.running.console import exit_code, run_and_compare, run_watched
from teacherstudent.running.engines.interface import Result
from teacherstudent.running.experiment import Experiment


def experiment(teacher="random"):
    plan = Plan(budget=20, test_every=10, may_never_act=True)
    return Experiment(teacher=teacher, family="toy-grid", student="competence", plan=plan)


@pytest.fixture
def ends(monkeypatch):
    """Return a function that lets every run end as it is told, and the calls of the comparison."""
    compared = []

    def let(*endings):
        def run_all(runs, **_):
            pairs = zip(runs, endings, strict=True)
            return [Result(one, folder, status, error) for (one, folder), (status, error) in pairs]

        monkeypatch.setattr(module, "run_all", run_all)
        monkeypatch.setattr(
            module, "show_comparison", lambda *args, **options: compared.append((args, options))
        )
        return compared

    return let


def screen():
    return Console(file=io.StringIO(), width=200)


def test_runs_that_ended_otherwise_are_named_with_their_errors(ends, tmp_path):
    ends(("finished", ""), ("failed", "[red]boom\x1b[2J\n"), ("interrupted", ""))
    shown = screen()
    runs = [(experiment(), tmp_path / name) for name in "abc"]
    run_watched(runs, engine=None, jobs=1, threads=None, resume=False, console=shown)
    lines = shown.file.getvalue().splitlines()
    assert lines == [
        f"{tmp_path / 'b'}: failed",
        "[red]boom\\x1b[2J",
        f"{tmp_path / 'c'}: interrupted",
        "3 runs: 1 finished, 1 failed, 1 interrupted",
        "the same command with --resume continues them",
    ]


@pytest.mark.parametrize(
    ("endings", "baseline", "code", "begun", "options"),
    [
        (("finished", "finished"), "riac", 0, ["random", "riac"], {"baseline": "riac"}),
        (("finished", "failed"), "riac", 1, ["random", "riac"], {}),  # no run of the baseline finished
        (("finished", "not started"), "", 1, ["random"], {}),
        (("failed", "interrupted"), "riac", 1, None, None),
    ],
)
def test_what_has_begun_is_compared_if_any_run_finished(
    ends, tmp_path, endings, baseline, code, begun, options
):
    compared = ends(*((status, "") for status in endings))
    given = [experiment("random"), experiment("riac")]
    results = run_and_compare(given, tmp_path / "out", baseline=baseline, console=screen())
    assert exit_code(results) == code
    if begun is None:
        assert compared == []
    else:
        (((folders, out, _), said),) = compared
        assert [folder.parent.name for folder in folders] == begun
        assert (out, said) == (tmp_path / "out" / "comparison", options)


def test_figures_of_one_s_own_reach_the_comparison(ends, tmp_path):
    compared = ends(("finished", ""))
    draw = {}.copy
    run_and_compare([experiment()], tmp_path / "out", figures=[draw], console=screen())
    assert compared[0][1] == {"figures": [draw]}


def test_nothing_is_started_in_a_file_or_with_a_wrong_name(ends, tmp_path):
    ends()
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match="file: expected a folder, got a file"):
        run_and_compare([experiment()], tmp_path / "file", console=screen())
    with pytest.raises(ValueError, match="unknown teacher 'rica'"):
        run_and_compare([experiment(), experiment("rica")], tmp_path / "out", console=screen())
    assert not (tmp_path / "out").exists()


def test_runs_may_be_left_to_be_compared_later(ends, tmp_path):
    compared = ends(("finished", ""))
    run_and_compare([experiment()], tmp_path / "out", compare=False, console=screen())
    assert compared == []
