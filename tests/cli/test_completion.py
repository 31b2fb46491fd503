import subprocess

import pytest

from teacherstudent.cli import main
from teacherstudent.contract.registry import FAMILIES, STUDENTS, TEACHERS


def script(capsys, shell):
    assert main(["completion", shell]) == 0
    return capsys.readouterr().out


def completed(text, *words):
    """Return what bash offers for the last of these words."""
    quoted = " ".join(f"'{word}'" for word in words)
    program = (
        f"{text}\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}\n"
        '$(complete -p teacherstudent | sed "s/.*-F \\([^ ]*\\) .*/\\1/") teacherstudent\n'
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=False)
    return done.stdout.split()


def test_bash_completes_commands_names_and_options(capsys):
    text = script(capsys, "bash")
    assert completed(text, "teacherstudent", "res") == ["resume"]
    assert completed(text, "teacherstudent", "run", "--teacher", "ri") == ["riac"]
    # An option that takes several names goes on completing them.
    assert completed(text, "teacherstudent", "run", "--teacher", "riac", "alp-g") == ["alp-gmm"]
    assert completed(text, "teacherstudent", "run", "--family", "toy") == ["toy-grid"]
    assert completed(text, "teacherstudent", "run", "--student", "") == STUDENTS.names()
    assert completed(text, "teacherstudent", "describe", "stump-t") == ["stump-tracks"]
    assert completed(text, "teacherstudent", "describe", "rs") == ["rsl-rl"]
    assert completed(text, "teacherstudent", "new", "fa") == ["family"]
    assert completed(text, "teacherstudent", "run", "--bud") == ["--budget"]


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_every_name_is_in_the_script_of_a_shell(capsys, shell):
    words = script(capsys, shell).replace('"', " ").split()
    for registry in (TEACHERS, FAMILIES, STUDENTS):
        assert set(registry.names()) <= set(words)


def test_zsh_has_a_function_for_each_kind_of_name_and_uses_it(capsys):
    text = script(capsys, "zsh")
    assert text.startswith("#compdef teacherstudent")
    for kind in ("teacher", "family", "student", "described"):
        assert text.count(f"_teacherstudent_{kind}") == 2, kind
