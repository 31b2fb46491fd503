import pytest
from PIL import Image
from swings import write

from teacherstudent.cli import main


def test_a_film_is_written_and_scores_are_told(tmp_path, capsys):
    write(tmp_path / "run")
    out = tmp_path / "x.gif"
    words = ["play", str(tmp_path / "run"), "--trust", "-o", str(out), "--test", "3", "--task", "wind=0.125"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "policy at cost 64, best actions" in said
    assert "task wind=1.0: score" in said
    assert "task wind=0.125: score" in said
    with Image.open(out) as film:
        assert film.n_frames == 14
    assert main([*words, "--sampled"]) == 0
    assert "drawn actions" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-o", "x.avi"], ".gif or .mp4"),
        (["-o", "x.gif", "--test", "9"], "--test: expected a number from 0 to 3"),
        (["-o", "x.gif", "--seed", "-1"], "--seed"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, capsys, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "run")
    assert main(["play", "run", "--trust", *words]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "x.gif").exists()


def test_a_run_that_names_modules_must_be_trusted(tmp_path, capsys):
    write(tmp_path / "run")
    assert main(["play", str(tmp_path / "run"), "-o", str(tmp_path / "x.gif")]) == 2
    assert "trust" in capsys.readouterr().err
