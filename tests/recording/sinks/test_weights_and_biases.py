import pytest

from teacherstudent.recording.recorder import Recorder

pytest.importorskip("wandb", reason="the extra wandb is not installed")


def test_a_resumed_run_goes_on_in_the_same_run(tmp_path, synthetic, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    manifest = synthetic.manifest()
    recorder = Recorder(tmp_path, manifest=manifest, log=("wandb",))
    recorder.tests(synthetic.tests(30), spent=10.0, ledger={})
    state = recorder.state_dict()
    recorder.close("interrupted")
    recorder = Recorder(tmp_path, manifest=manifest, log=("wandb",), resume=state)
    recorder.tests(synthetic.tests(40), spent=20.0, ledger={})
    recorder.close("finished")
    files = sorted((tmp_path / "wandb").glob("offline-run-*/*.wandb"))
    # Without a network each session has a file of its own, which `wandb sync` puts together by the name.
    assert len(files) in (1, 2)
    assert len({file.name for file in files}) == 1
    assert all(b"mastered_percent" in file.read_bytes() for file in files)


def test_a_link_in_its_place_is_refused(tmp_path, synthetic):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "wandb").symlink_to(tmp_path)
    with pytest.raises(ValueError, match="link"):
        Recorder(tmp_path / "run", manifest=synthetic.manifest(), log=("wandb",))
