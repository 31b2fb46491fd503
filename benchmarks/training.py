"""Steps a second of a whole run, learning and teaching included, and where the time goes.

    python benchmarks/training.py [--family stump-tracks] [--student sb3] [--quick]
    python benchmarks/training.py --family maze --student rsl-rl sb3 --lstm 256 --device auto

One run of the given budget, as ``teacherstudent run`` does it, after a round that is not counted, for each of
the students. On levels (mazes) slots are bound for rollouts, which must hold an episode: there the teacher is
PLR and a rollout has 256 steps, elsewhere ALP-GMM and 32. With ``--lstm`` policies are recurrent. Every run
tests and saves 20 times and records 100 times, whatever its budget: the shares of these fall with longer runs
(``--tests`` sets how often this one tests and saves). The shares sum to 100 %.

The last line counts CPU time, of this process and its threads: on a machine that does other work too it is
the rate to compare. Processes of environments (``--processes``) are not in it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import torch
from _timing import describe_machine, measure, shares

from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.contract.registry import FAMILIES
from teacherstudent.contract.spaces import Levels
from teacherstudent.running.before.fit import check_fit
from teacherstudent.running.experiment import Experiment


def main() -> None:
    """Run each student once and print its table."""
    given = _parse()
    levels = isinstance(FAMILIES.make(given.family).space, Levels)
    given.teacher = given.teacher or ("plr" if levels else "alp-gmm")
    given.n_steps = given.n_steps or (256 if levels else 32)
    given.batch = given.batch or (32_768 if levels else 4096)
    if given.quick:
        given.n_envs, given.epochs, given.tests = (16 if levels else 64), 2, 1
        given.n_steps = 256 if levels else 16
        given.batch = given.n_envs * given.n_steps // 4
        given.budget = 4 * given.n_envs * given.n_steps
    torch.set_num_threads(given.threads)
    print(f"{describe_machine()}; torch threads: {given.threads}")
    for student in given.student:
        _show(given, student, levels)


def _show(given: argparse.Namespace, student: str, levels: bool) -> None:
    """Run a student and print where its time went."""
    experiment = _experiment(given, student, levels)
    _warm_up(experiment)
    before = time.process_time()
    ledger, inside = measure(experiment, _settle(given.device))
    processor = time.process_time() - before
    rows = shares(ledger, inside)
    whole = sum(rows.values())
    memory = f" after {given.lstm} LSTM units" if given.lstm else ""
    print(
        f"{given.family}, {given.teacher}, {student}: {given.n_envs} slots x {given.n_steps} steps, "
        f"{given.epochs} epochs in batches of {given.batch}, network {given.net}{memory}"
    )
    print(f"{'part':<44}{'seconds':>9}{'share %':>9}{'us/step':>9}")
    for name, seconds in [*rows.items(), ("all", whole)]:
        print(f"{name:<44}{seconds:>9.2f}{100 * seconds / whole:>9.2f}{1e6 * seconds / ledger.spent:>9.2f}")
    training = ledger.spent / (whole - rows["tests"])
    print(
        f"steps a second: {ledger.spent / whole:,.0f}; without tests: {training:,.0f} "
        f"({ledger.spent:,.0f} steps, {ledger.episodes:,} episodes, {ledger.updates:,.0f} updates)"
    )
    print(f"CPU seconds: {processor:.1f}; steps a CPU second: {ledger.spent / processor:,.0f}")


def _warm_up(experiment: Experiment) -> None:
    """Train one round, so that compiling and first allocations are not counted."""
    family, teacher, student = experiment.build()
    try:
        check_fit(family, teacher, student)
        teacher.tell(student.train(teacher.ask(student.wants())))
    finally:
        student.close()


def _settle(device: str) -> Callable[[], object] | None:
    on_gpu = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
    return torch.cuda.synchronize if on_gpu else None


def _experiment(given: argparse.Namespace, student: str, levels: bool) -> Experiment:
    every = given.budget / given.tests
    return Experiment(
        teacher=given.teacher,
        family=given.family,
        student=student,
        plan=Plan(budget=given.budget, test_every=every, checkpoint_every=every),
        student_options={"normalize": not levels} | OPTIONS[student](given),
    )


def _sb3(given: argparse.Namespace) -> dict[str, Any]:
    options = {"n_steps": given.n_steps, "batch_size": given.batch, "n_epochs": given.epochs}
    networks: dict[str, Any] = {"net_arch": given.net}
    algorithm = {}
    if given.lstm:
        algorithm = {"algorithm": "sb3_contrib:RecurrentPPO"}
        networks |= {"lstm_hidden_size": given.lstm}
    return _slots(given) | algorithm | {"options": options | {"policy_kwargs": networks}}


def _rsl_rl(given: argparse.Namespace) -> dict[str, Any]:
    batches = max(1, given.n_envs * given.n_steps // given.batch)
    options = {"num_learning_epochs": given.epochs, "num_mini_batches": batches}
    networks = {"hidden_dims": given.net, "activation": "tanh"}
    if given.lstm:
        networks |= {"class_name": "RNNModel", "rnn_hidden_dim": given.lstm}
    return _slots(given) | {"n_steps": given.n_steps, "options": options, "policy": networks}


def _slots(given: argparse.Namespace) -> dict[str, Any]:
    return {"n_envs": given.n_envs, "processes": given.processes, "device": given.device}


OPTIONS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {"sb3": _sb3, "rsl-rl": _rsl_rl}


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--family", default="stump-tracks")
    parser.add_argument("--student", nargs="+", default=["sb3"], choices=sorted(OPTIONS))
    parser.add_argument("--teacher", default="", help="alp-gmm, or plr where tasks are levels")
    parser.add_argument("--budget", type=float, default=2_000_000, help="environment steps")
    parser.add_argument("--tests", type=int, default=20, help="how often the run tests and saves")
    parser.add_argument("--n-envs", type=int, default=1024)
    parser.add_argument("--n-steps", type=int, help="32, or 256 where tasks are levels")
    parser.add_argument("--batch", type=int, help="4096, or 32768 where tasks are levels")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--net", type=int, nargs="+", default=[64, 64], help="hidden layers; tanh")
    parser.add_argument("--lstm", type=int, default=0, help="units of a recurrent layer; 0 for none")
    parser.add_argument("--processes", type=int, default=1, help="processes of the environments")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of torch")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--quick", action="store_true", help="four rounds of few slots: does it run?")
    return parser.parse_args()


if __name__ == "__main__":
    main()
