"""The command line with right and wrong words: an exit code and a sentence, never a traceback."""

from walks import walks

from teacherstudent.cli import main
from teacherstudent.contract.registry import STUDENTS, TEACHERS
from teacherstudent.running import parallel
from teacherstudent.running.engines.interface import Result

ODD = (
    "",
    " ",
    "x",
    "-1",
    "0",
    "nan",
    "inf",
    "a:b",
    "os:getcwd",
    "=",
    "k=v",
    "--",
    "-h",
    "\0",
    "é",
    "[1",
    "{}",
)
VALUES = ("true", "null", "[]", "{}", '"x"', "-1", "0", "2", "0.5", "1e400", "NaN", "[1,2]", '{"a":1}', "x")


def words(walk, out):
    """Return the words of one command."""
    command = walk.one_of("run", "run", "run", "resume", "compare", "list", walk.one_of(*ODD))
    if command == "run":
        given = run_words(walk, out)
    elif command in ("resume", "compare"):
        given = [command, walk.one_of(str(out), str(out / "toy-grid"), *ODD)]
        if command == "compare":
            given += ["--out", str(out.parent / "figures"), "--x", walk.one_of("spent", "updates", *ODD)]
            given += walk.one_of([], ["--baseline", walk.one_of("random", *ODD)], ["--include-stopped"])
        else:
            given += ["--jobs", "1"]
    else:
        given = [command]
    if walk.chance(0.15) and given:
        at = int(walk.rng.integers(len(given)))
        if given[at] not in (str(out), "--out", "--jobs", "1") and given[at - 1] != "--out":
            given[at] = walk.one_of(*ODD)
    return given


def run_words(walk, out):
    """Return the words of a small run: one process, few steps."""
    teacher = walk.one_of("random", "riac", walk.one_of(*TEACHERS.names()), walk.one_of(*ODD))
    family = walk.one_of("toy-grid", "toy-grid", "toy-grid", walk.one_of("parity", *ODD))
    student = walk.one_of("competence", "competence", walk.one_of(*STUDENTS.names(), *ODD))
    given = ["run", "--teacher", teacher, "--family", family, "--student", student]
    given += ["--budget", walk.one_of("20", "40", *ODD[:7]), "--out", str(out), "--jobs", "1"]
    if walk.chance(0.3):
        given += ["--seeds", walk.one_of("0", "1", *ODD)]
    if walk.chance(0.3):
        given += ["--test-every", walk.one_of("10", *ODD)]
    for role, names in (
        ("teacher", ("epsilon", "region_size")),
        ("family", ("cells", "dims")),
        ("student", ("batch", "noise")),
    ):
        if walk.chance(0.2):
            name = walk.one_of(*names, *ODD[:3])
            given += [f"--{role}-options", f"{name}={walk.one_of(*VALUES)}"]
    return [*given, *walk.one_of([], ["--resume"])]


def test_command_lines(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("teacherstudent.running.console.run_all", one_process)
    out = tmp_path / "runs"

    def begin(walk):
        def make():
            given = words(walk, out)
            code, said = None, ""
            try:
                code = main(given)
            except SystemExit as ended:
                code = ended.code
            except Exception as error:
                walk.fail(f"{given}: {type(error).__name__}: {error}", error)
            said = "".join(capsys.readouterr())
            walk.call(f"main({given!r}) is {code}", lambda: None)
            if code not in (0, 1, 2):
                walk.fail(f"expected an exit code of 0, 1 or 2, got {code!r}")
            if code == 2 and not (": error:" in said or "expected" in said or "no such" in said.lower()):
                walk.fail(f"refused unclearly: {said[-400:]}")
            if "Traceback" in said and code != 1:
                walk.fail(f"a traceback: {said[-400:]}")

        return make

    walks("command lines", 0.02, begin)


def one_process(runs, *, engine, jobs, threads, resume, watch, say):
    """Do as `parallel.run_all` does, in this process."""
    del engine, watch, say
    parallel._check(runs, {"jobs": jobs, "threads": threads}, resume)
    results = []
    for one, folder in runs:
        status, error = "finished", ""
        try:
            if not (resume and parallel._is_over(one, folder)):
                one.run(folder, resume=resume)
        except (ValueError, TypeError, OSError) as found:
            status, error = "failed", str(found)
        results.append(Result(one, folder, status, error))
    return results
