import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("code", BLOCKS, ids=range(len(BLOCKS)))
def test_examples_run_as_they_stand(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {"__name__": "readme"})


def test_there_are_examples():
    assert len(BLOCKS) >= 5


def test_a_teacher_costs_at_most_five_lines_in_a_learn_loop():
    block = next(code for code in BLOCKS if "model.learn" in code)
    plain = ["PPO", "model", "from stable_baselines3"]
    added = [line for line in block.splitlines() if line and not any(line.startswith(p) for p in plain)]
    assert len(added) <= 5


def test_scripts_that_are_named_exist():
    others = [path for folder in ("docs", "experiments") for path in (ROOT / folder).rglob("*.md")]
    pages = [README, *(path.read_text() for path in others)]
    scripts = set(re.findall(r"python ((?:experiments|benchmarks)/[\w/]+\.py)", "\n".join(pages)))
    assert len(scripts) >= 5
    for script in scripts:
        assert (ROOT / script).is_file(), script


def test_every_registered_name_is_mentioned():
    from teacherstudent.registry import FAMILIES, STUDENTS, TEACHERS

    for registry in (TEACHERS, FAMILIES, STUDENTS):
        for entry in registry.entries():  # examples register their own
            if entry.target.startswith("teacherstudent.") and entry.name != "competence":
                assert f"`{entry.name}`" in README, entry.name
