from teacherstudent.cli import main
from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.running.experiment import Experiment


def test_compare_counts_stopped_runs_on_request(tmp_path, capsys):
    plan = Plan(budget=2_000, test_every=100)
    experiment = Experiment(teacher="random", family="toy-grid", student="competence", plan=plan)
    calls = iter(range(1_000))
    experiment.run(tmp_path / "run", stop=lambda: next(calls) > 20)
    arguments = ["compare", str(tmp_path / "run"), "--out", str(tmp_path / "figures")]
    assert main(arguments) == 2
    assert "--include-stopped" in " ".join(capsys.readouterr().err.split())
    assert main([*arguments, "--include-stopped"]) == 0
    assert "did not finish" in capsys.readouterr().out


def test_compare_without_runs_says_so(tmp_path, capsys):
    assert main(["compare", str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err
