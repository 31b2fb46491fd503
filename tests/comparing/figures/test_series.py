from teacherstudent.comparing.figures.series import read_series
from teacherstudent.recording.runs import Run


def test_values_that_are_missing_leave_gaps(write_run):
    run = Run.load(write_run("r/0", tests=5, budget=1000.0))

    def values(record):
        found = {"share": record["metrics"]["mean_alp"], "never": float("nan")}
        if record["spent"] == 500.0:
            found = {"share": float("inf"), "once": 2.0}
        return found

    series = read_series(run, values)
    assert series.keys() == {"share", "once"}
    spent, share = series["share"]
    assert spent.tolist() == [0.0, 250.0, 750.0, 1000.0]
    assert share.tolist() == [0.0, 0.25, 0.75, 1.0]
    assert [column.tolist() for column in series["once"]] == [[500.0], [2.0]]
