import pytest

from teacherstudent.recording.recorder import Recorder

mlflow = pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
pytest.importorskip("alembic", reason="MLflow keeps no local store without it (the extra mlflow)")


def test_a_resumed_run_goes_on_in_the_same_run(tmp_path, synthetic, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "tests")
    manifest = synthetic.manifest()
    recorder = Recorder(tmp_path / "run", manifest=manifest, log=("mlflow",))
    recorder.tests(synthetic.tests(30), spent=10.0, ledger={"cost/train": float("nan")})
    state = recorder.state_dict()
    recorder.close("interrupted")
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("tests").experiment_id
    assert [run.info.status for run in client.search_runs([experiment])] == ["KILLED"]
    recorder = Recorder(tmp_path / "run", manifest=manifest, log=("mlflow",), resume=state)
    recorder.tests(synthetic.tests(40), spent=20.0, ledger={})
    recorder.close("finished")
    (run,) = client.search_runs([experiment])
    assert run.info.status == "FINISHED"
    assert run.data.params["seed"] == str(manifest["seed"])
    history = client.get_metric_history(run.info.run_id, "test/mastered_percent")
    assert [(metric.step, metric.value) for metric in history] == [(10, 30.0), (20, 40.0)]
    assert "ledger/cost/train" not in run.data.metrics
