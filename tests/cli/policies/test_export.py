import torch
from swings import write

from teacherstudent.cli import main


def test_a_policy_is_written_and_checked(tmp_path, capsys):
    write(tmp_path / "run")
    out = tmp_path / "policy.pt"
    assert main(["export", str(tmp_path / "run"), "--trust", "-o", str(out)]) == 0
    said = capsys.readouterr().out
    assert "best actions, the same as the run's on 256 observations" in said
    assert torch.jit.load(out)(torch.zeros(5, 3)).shape == (5, 2)


def test_a_run_without_a_policy_is_refused(tmp_path, capsys, write_run):
    folder = write_run("run", family={"name": "toy-grid", "options": {}}, loop="own")
    assert main(["export", str(folder), "-o", str(tmp_path / "x.pt")]) == 2
    assert "a loop of its user's own" in capsys.readouterr().err
    assert main(["export", str(folder), "-o", str(tmp_path / "x.h5")]) == 2
    assert "expected a file that ends in .zip" in capsys.readouterr().err
