"""Pages of the reference: for each a sentence, and the objects whose docstrings it shows."""

from __future__ import annotations

import importlib

PAGES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "contract": (
        "The contract",
        "What passes between teachers, students and families, and what each of them must do.",
        (
            "teacherstudent.contract.teacher.Teacher",
            "teacherstudent.contract.types.Assignment",
            "teacherstudent.contract.types.Outcomes",
            "teacherstudent.contract.purposes.Purpose",
            "teacherstudent.contract.student.Student",
            "teacherstudent.contract.demand.Signal",
            "teacherstudent.contract.demand.Demand",
            "teacherstudent.contract.family.Family",
            "teacherstudent.contract.family.RLFamily",
            "teacherstudent.contract.family.HasTarget",
            "teacherstudent.contract.family.HasEasy",
            "teacherstudent.contract.weigher.Weigher",
            "teacherstudent.contract.types.Wait",
        ),
    ),
    "spaces": (
        "Task spaces",
        "A task space is a gymnasium space. These know more of their tasks, and here is what makes them.",
        (
            "teacherstudent.contract.tasks.boxes.Parameters",
            "teacherstudent.contract.tasks.dimensions.log",
            "teacherstudent.contract.tasks.dimensions.whole",
            "teacherstudent.contract.tasks.dimensions.choice",
            "teacherstudent.contract.spaces.task_dict",
            "teacherstudent.contract.spaces.sample",
            "teacherstudent.contract.spaces.to_unit",
            "teacherstudent.contract.spaces.from_unit",
            "teacherstudent.contract.tasks.levels.Levels",
        ),
    ),
    "registry": (
        "Registries",
        "`teachers`, `envs` and `students` are registries: they make things by name, as in "
        '`teachers.make("riac", family, seed=0)`.',
        ("teacherstudent.contract.registry.Registry", "teacherstudent.contract.registry.TeacherRegistry"),
    ),
    "running": (
        "Runs and studies",
        "One run, several runs, what they may spend and what they have spent.",
        (
            "teacherstudent.running.loop.run",
            "teacherstudent.contract.accounts.plan.Plan",
            "teacherstudent.contract.accounts.ledger.Ledger",
            "teacherstudent.running.experiment.Experiment",
            "teacherstudent.running.study.Study",
            "teacherstudent.running.study.Entry",
            "teacherstudent.running.engines.on_ray.RayEngine",
            "teacherstudent.running.members.Members",
        ),
    ),
    "recording": (
        "Run folders",
        "What writes a run folder, and what reads one.",
        (
            "teacherstudent.recording.recorder.Recorder",
            "teacherstudent.recording.runs.Run",
            "teacherstudent.recording.runs.Curve",
            "teacherstudent.recording.runs.find_runs",
        ),
    ),
    "comparing": (
        "Comparisons",
        "From run folders to tables and figures. What the intervals are: [statistics](../statistics.md).",
        (
            "teacherstudent.comparing.compare.compare",
            "teacherstudent.comparing.results.Comparison",
            "teacherstudent.comparing.results.Row",
            "teacherstudent.comparing.results.Final",
            "teacherstudent.comparing.results.Stopped",
            "teacherstudent.comparing.stats.Estimate",
            "teacherstudent.comparing.stats.Difference",
            "teacherstudent.comparing.figures.scene.Scene",
            "teacherstudent.comparing.curricula.read_curriculum",
        ),
    ),
    "adapters": (
        "Adapters",
        "Teachers in training loops of your own, and environments of your own as families.",
        (
            "teacherstudent.adapters.gymnasium.TeacherEnv",
            "teacherstudent.adapters.vector.TeacherVectorEnv",
            "teacherstudent.adapters.levels.rounds.LevelRounds",
            "teacherstudent.adapters.levels.vec_env.LevelVecEnv",
            "teacherstudent.adapters.levels.callback.LevelCallback",
            "teacherstudent.slots.wrapping.task_reset.TaskReset",
            "teacherstudent.adapters.loops.tensors.TeacherSlots",
            "teacherstudent.adapters.sb3.TeacherVecEnv",
            "teacherstudent.adapters.sb3.TeacherCallback",
            "teacherstudent.adapters.sb3.TeacherCheckpointCallback",
            "teacherstudent.adapters.serving.server.TeacherServer",
            "teacherstudent.adapters.serving.client.TeacherClient",
            "teacherstudent.adapters.serving.on_ray.RayTeacher",
            "teacherstudent.slots.wrapping.family.family_from_gymnasium",
            "teacherstudent.envs.datasets.making.family_from_dataset",
            "teacherstudent.envs.datasets.folders.ImageFolder",
        ),
    ),
    "supervised": (
        "Adapters for supervised loops",
        "Teachers that choose examples or stages in a training loop of your own.",
        (
            "teacherstudent.adapters.supervised.samplers.TeacherSampler",
            "teacherstudent.adapters.supervised.samplers.TeacherBatchSampler",
            "teacherstudent.adapters.supervised.indexed.Indexed",
            "teacherstudent.adapters.supervised.stages.controller.StageController",
        ),
    ),
    "parts": (
        "Parts of teachers",
        "What teachers are made of and what can be used alone.",
        (
            "teacherstudent.teachers.replay.buffer.levels.LevelBuffer",
            "teacherstudent.reference.reference_losses",
            "teacherstudent.reference.Reference",
        ),
    ),
    "testing": (
        "Conformance kits",
        "The suites that every teacher, student and family of this package passes. Yours should too.",
        (
            "teacherstudent.testing.teachers.check_teacher",
            "teacherstudent.testing.students.check_student",
            "teacherstudent.testing.families.check_family",
        ),
    ),
}
"""By the page's name: its title, its first sentence, and the objects, as they are defined."""
SHORT = ("teacherstudent", "teacherstudent.contract.spaces", "teacherstudent.testing")
"""Where objects are imported from rather than from the files that define them."""


def imports(objects: tuple[str, ...]) -> list[str]:
    """Return the lines that import objects, each from the shortest place that has it.

    Raises:
        AttributeError: if an object is not where it is said to be.
    """
    by_module: dict[str, list[str]] = {}
    for path in objects:
        module, _, name = path.rpartition(".")
        here = getattr(importlib.import_module(module), name)
        shorter = [each for each in SHORT if getattr(importlib.import_module(each), name, None) is here]
        by_module.setdefault([*shorter, module][0], []).append(name)
    return [f"from {module} import {', '.join(found)}" for module, found in by_module.items()]


def pages() -> dict[str, str]:
    """Return the pages by their place on the site, with an index.

    Raises:
        AttributeError: if an object is not where it is said to be.
    """
    found = {}
    index = ["# Reference", "", "The public classes and functions, from their docstrings.", ""]
    index += ["| page | what |", "|---|---|"]
    for name, (title, sentence, objects) in PAGES.items():
        lines = [f"# {title}", "", sentence, "", "```python", *imports(objects), "```", ""]
        for path in objects:
            lines += [f"::: {path}", ""]
        found[f"reference/{name}.md"] = "\n".join(lines)
        listed = ", ".join(f"`{path.rpartition('.')[2]}`" for path in objects)
        index.append(f"| [{title}]({name}.md) | {listed} |")
    found["reference/index.md"] = "\n".join(index) + "\n"
    return found


def navigation() -> list[str | dict[str, str]]:
    """Return the part of the menu."""
    titled: list[str | dict[str, str]] = [
        {title: f"reference/{name}.md"} for name, (title, *_) in PAGES.items()
    ]
    return ["reference/index.md", *titled]
