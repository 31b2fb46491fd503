"""What every family must do: run `check_family` on yours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import check_whole
from teacherstudent.contract.family import Family, RLFamily, Snapshot
from teacherstudent.contract.stored.settings import maker
from teacherstudent.contract.types import Array, generator
from teacherstudent.testing.episodes import Episode, Script, Vec, batch, play, rows, scripts, start
from teacherstudent.testing.sessions import ContractError, difference, name, rule, through_file


def check_family(
    factory: Callable[[], Family] | Family,
    *,
    steps: int = 100,
    processes: int = 2,
    max_steps: int | None = None,
) -> None:
    """Check that a family keeps the contract of `teacherstudent.contract.family`.

    Of every family: a space that tasks can be drawn from, test tasks inside it and always the same, a
    sensible scale of scores. Of reinforcement-learning families: vector environments without autoreset that
    start the given task in the given slot and leave the others alone; episodes that depend on seed, task and
    actions only, not on slot, batch or process; tasks that make a difference; bad tasks, seeds and masks
    refused without a change; and, where environments can be saved (`Snapshot`), that they go on to the bit.

    Args:
        factory: returns the family, with the same options every time; or a family. Of one whose arguments
            were more than small plain data nobody can say whether a second one has the same test tasks.
        steps: how many steps episodes are played in each check; take enough for tasks to make a difference.
        processes: over how many processes slots are spread in one of the checks; 1 leaves it out.
        max_steps: the family's cap on steps, if it has one: no random episode may be longer, and one that
            reaches it without terminating must be truncated.

    Raises:
        AssertionError: with a sentence that names the rule that is broken.
        TypeError: if it is given neither.
    """
    check_whole("check_family: steps", steps, 1, 10**6)
    check_whole("check_family: processes", processes)
    if max_steps is not None:
        check_whole("check_family: max_steps", max_steps)
    make = _factory_of(factory)
    with rule("family", "the factory must make a family"):
        family = factory if isinstance(factory, Family) else make()
        other = make()
    _check_declarations(family, other)
    if isinstance(family, RLFamily):
        kit = _Kit(family, steps)
        for check in (_single, _vectors, _masks, _bad_input, _flags, _snapshots):
            check(kit)
        kit.compare(3, "in other processes", processes=processes)
        if max_steps is not None:
            _cap(kit, max_steps)


def _factory_of(thing: Callable[[], Family] | Family) -> Callable[[], Family]:
    """Return what makes the family, or another like the given one; that one again where nobody knows how."""
    if isinstance(thing, Family):
        try:
            return maker(thing)
        except TypeError:
            return lambda: thing
    if not callable(thing):
        raise TypeError(
            "check_family: expected a family, or a function that makes one: "
            f'check_family(lambda: envs.make("toy-grid")); got {thing!r}'
        )
    return thing


def _check_declarations(family: Family, other: Family) -> None:
    if not isinstance(family, Family):
        raise ContractError(f"the factory must return a Family, got {family!r}")
    who = name(family)
    with rule(who, "space must be one that tasks can be drawn from"):
        spaces.check_space(family.space)
    if not isinstance(family.test_set, str) or not family.test_set:
        raise ContractError(f"{who}: test_set must be a name, got {family.test_set!r}")
    with rule(who, "test_space must be None or a space like space"):
        tested = family.space if family.test_space is None else family.test_space
        spaces.check_like(family.space, tested, "test_space")
    with rule(who, "test_tasks must return tasks of the space (of test_space, if there is one)"):
        tasks = spaces.check_tasks(tested, family.test_tasks(), "test_tasks")
    if len(tasks) == 0 or family.test_tasks().dtype != family.space.dtype:
        raise ContractError(f"{who}: test_tasks must be at least one, of the space's dtype, got {tasks}")
    # Overwriting what was returned shows whether it was a copy.
    family.test_tasks()[...] = 0
    if not (np.array_equal(family.test_tasks(), tasks) and np.array_equal(other.test_tasks(), tasks)):
        raise ContractError(
            f"{who}: test_tasks must be the same at every call and in every family, and a copy"
        )
    if family.mastered is not None and not np.isfinite(family.mastered):
        raise ContractError(f"{who}: mastered must be finite or None, got {family.mastered}")
    if family.score_range is not None and not family.score_range[0] < family.score_range[1]:
        raise ContractError(f"{who}: score_range must be low < high or None, got {family.score_range}")
    size = int(np.prod(family.space.shape or ()))
    if family.difficulty_step is not None and len(family.difficulty_step) != size:
        raise ContractError(f"{who}: difficulty_step must have {size} values, got {family.difficulty_step}")


class _Kit:
    """A family with scripts to play, and what their episodes look like when each is played alone."""

    def __init__(self, family: RLFamily, steps: int) -> None:
        self.family = family
        self.steps = steps
        self.who = name(family)
        self.tasks = spaces.sample(family.space, generator(11), 6)
        with self.vec(1) as vec:
            # The actions are drawn once, so that every check plays the same episodes.
            self.scripts = scripts(vec.single_action_space, self.tasks, steps)
            # Each episode played alone is what all others are compared with.
            self.alone = [play(vec, [script], steps)[0] for script in self.scripts]

    @contextmanager
    def vec(self, n: int, processes: int = 1) -> Iterator[Vec]:
        """Yield an environment and close it."""
        with rule(self.who, f"make_vec({n}, processes={processes}) must return a vector environment"):
            vec = self.family.make_vec(n, processes=processes)
        with closing(vec):
            yield vec

    def fail(self, sentence: str) -> ContractError:
        return ContractError(f"{self.who}: {sentence}")

    def compare(self, n: int, where: str, *, processes: int = 1) -> None:
        """Play the scripts in a batch, last one first, and compare with how they went alone."""
        # The last one first: a slot must not matter, so none plays where it was played alone.
        order = list(range(len(self.scripts)))[::-1][:n]
        with self.vec(n, processes) as vec, rule(self.who, f"episodes must be played {where}"):
            self.same(play(vec, [self.scripts[i] for i in order], self.steps), order, where)

    def same(self, episodes: list[Episode], order: list[int], where: str) -> None:
        """Raise unless the episodes equal those of the scripts in ``order`` played alone."""
        for slot, (episode, i) in enumerate(zip(episodes, order, strict=True)):
            if not episode.same(self.alone[i]):
                raise self.fail(
                    f"an episode must depend on task, seed and actions only, but that of task "
                    f"{self.tasks[i].tolist()} went otherwise {where} (slot {slot})"
                )


def _single(kit: _Kit) -> None:
    env = kit.family.make_env()
    with closing(env), kit.vec(1) as vec:
        spaces_agree = (env.observation_space, env.action_space) == (
            vec.single_observation_space,
            vec.single_action_space,
        )
        if not spaces_agree:
            raise kit.fail("make_env and make_vec must agree on the spaces of observations and actions")
        with rule(kit.who, 'make_env must return an environment that takes reset(options={"task": task})'):
            observation, _ = env.reset(seed=0, options={"task": kit.tasks[0]})
            env.step(kit.scripts[0].actions[0])
        if not env.observation_space.contains(observation):
            raise kit.fail(f"reset of make_env must return an observation of its space, got {observation}")


def _vectors(kit: _Kit) -> None:
    world = _global_state()
    with kit.vec(3) as vec:
        if vec.num_envs != 3 or vec.metadata.get("autoreset_mode") != AutoresetMode.DISABLED:
            raise kit.fail(
                "make_vec(3) must have num_envs 3 and metadata['autoreset_mode'] AutoresetMode.DISABLED, got "
                f"{vec.num_envs} and {vec.metadata.get('autoreset_mode')}"
            )
    kit.compare(1, "at a second time")
    kit.compare(6, "in a batch of 6")
    # The same seed and actions for all: only the tasks can make a difference.
    _same_seed = [Script(task, 7, kit.scripts[0].actions) for task in kit.tasks]
    with kit.vec(len(_same_seed)) as vec:
        episodes = play(vec, _same_seed, kit.steps)
    if all(episode.same(episodes[0]) for episode in episodes):
        raise kit.fail(f"tasks must make a difference, but these all went the same way: {kit.tasks.tolist()}")
    if world != _global_state():
        raise kit.fail("environments must not draw from NumPy's global generator")


def _global_state() -> tuple[bytes, int]:
    """Return the key and the position of NumPy's global generator."""
    state: Any = np.random.get_state()  # noqa: NPY002
    return state[1].tobytes(), int(state[2])


def _masks(kit: _Kit) -> None:
    """Restart slots while others are in flight, by every form of seeds."""
    # Every form of "no seed for the slots beside" must leave their generators alone.
    seed = kit.scripts[3].seed
    _restart(kit, [None, seed, None], "a list with None")
    _restart(kit, np.array([-1, seed, -1]), "an int64 array in which -1 stands for None")
    with kit.vec(3) as vec:
        start(vec, kit.scripts[:3])
        # Without seeds the slots' generators go on; the second start puts them back to where they were.
        fresh, _ = vec.reset(options={"task": kit.tasks[:3]})
        start(vec, kit.scripts[:3])
        with rule(kit.who, "reset must take an array of seeds"):
            same, _ = vec.reset(seed=np.full(3, -1), options={"task": kit.tasks[:3]})  # type: ignore[arg-type]
        if not all(map(np.array_equal, rows(vec, fresh, "reset"), rows(vec, same, "reset"))):
            raise kit.fail("a seed of -1 in an array must leave the slot's generator as it is")


def _restart(kit: _Kit, seeds: Any, form: str) -> None:
    """Restart the middle one of three slots while the others are in flight."""
    # The restart comes in the midst of the episodes, unless one of them is too short for that.
    first = 5 if all(len(episode.rewards) > 5 for episode in kit.alone) else 0
    with kit.vec(3) as vec:
        episodes = play(vec, kit.scripts[:3], first)
        mask = np.array([False, True, False])
        # Rows outside the mask hold tasks outside the space: whoever looks at them must fail.
        tasks = _outside(kit.family, 3)
        tasks[1] = kit.tasks[3]
        with rule(kit.who, f"reset must ignore the tasks and seeds of slots outside the mask ({form})"):
            observations, _ = vec.reset(seed=seeds, options={"reset_mask": mask, "task": tasks})
        fresh = rows(vec, observations, "reset")
        for slot in (0, 2):
            if not np.array_equal(fresh[slot], episodes[slot].observations[-1]):
                raise kit.fail(f"reset must return slot {slot}'s last observation, as the mask leaves it out")
        parts = [kit.scripts[0], kit.scripts[3], kit.scripts[2]]
        episodes[1] = Episode([fresh[1]], [])
        episodes = play(vec, parts, kit.steps - first, episodes=episodes)
        short = kit.alone[3]
        cut = len(episodes[1].rewards)
        # The restarted slot was played for fewer steps than alone, so only these are compared.
        if not short.over or cut < len(short.rewards):
            short = Episode(short.observations[: cut + 1], short.rewards[:cut])
        kit.same([episodes[0], episodes[2]], [0, 2], "while a slot beside it was restarted")
        if not episodes[1].same(short):
            raise kit.fail("a slot restarted beside others must play its new task from the start")


def _outside(family: Family, n: int) -> Array:
    """Return ``n`` tasks outside the space (unused levels for spaces without an outside)."""
    # Outside of the tested tasks too: a family accepts those of its test space.
    space = family.space if family.test_space is None else spaces.hull(family.space, family.test_space)
    ends = spaces.ends(space)
    if ends is None:
        return spaces.sample(space, generator(0), n)
    # Below a list: a number before its first one could be taken for one counted from its end.
    if (numbers := spaces.numbers(space)) is not None:
        return np.full(n, numbers.start - 1, space.dtype)
    return np.stack([ends[1] + 1] * n).astype(space.dtype)


def _bad_input(kit: _Kit) -> None:
    good = kit.tasks[:3]
    space = kit.family.space
    bad: list[tuple[str, dict[str, Any]]] = [
        ("tasks of another shape", {"options": {"task": good[:2]}}),
        ("a mask of another shape", {"options": {"task": good, "reset_mask": np.ones(2, np.bool_)}}),
        ("a mask of numbers", {"options": {"task": good, "reset_mask": np.ones(3)}}),
        ("a mask that selects nothing", {"options": {"task": good, "reset_mask": np.zeros(3, np.bool_)}}),
        ("seeds of another number", {"seed": [1, 2], "options": {"task": good}}),
        ("an array of seeds of another number", {"seed": np.array([1, 2]), "options": {"task": good}}),
        ("an array with a seed below -1", {"seed": np.array([1, -2, 3]), "options": {"task": good}}),
    ]
    if spaces.ends(space) is not None:
        bad.append(("tasks outside the space", {"options": {"task": _outside(kit.family, 3)}}))
    if np.issubdtype(space.dtype, np.floating):
        bad.append(("tasks that are not numbers", {"options": {"task": np.full_like(good, np.nan)}}))
    with kit.vec(3) as vec:
        episodes = start(vec, kit.scripts[:3])
        # All bad calls go to one environment, which has to be as before at the end.
        for what, arguments in bad:
            try:
                vec.reset(**arguments)
            except (ValueError, TypeError):
                continue
            raise kit.fail(f"reset must refuse {what} by ValueError or TypeError")
        with rule(kit.who, "a refused reset must change nothing"):
            # Playing on shows whether a refused reset has changed anything.
            kit.same(play(vec, kit.scripts[:3], kit.steps, episodes=episodes), [0, 1, 2], "after bad resets")
    for n, processes in ((0, 1), (-1, 1), (2, 0)):
        try:
            kit.family.make_vec(n, processes=processes).close()
        except ValueError:
            continue
        raise kit.fail(f"make_vec({n}, processes={processes}) must raise ValueError")


def _flags(kit: _Kit) -> None:
    """Step a slot whose episode is over."""
    ended = [i for i, episode in enumerate(kit.alone) if episode.over]
    if not ended:
        # All episodes are too long-lived for this check.
        return
    script = kit.scripts[ended[0]]
    length = len(kit.alone[ended[0]].rewards)
    with kit.vec(1) as vec:
        start(vec, [script])
        # The slot is played to the end of its episode, and not started again.
        for action in script.actions[:length]:
            vec.step(batch(vec, [action]))
        try:
            vec.step(batch(vec, script.actions[:1]))
        except Exception:
            return
    raise kit.fail("step must raise while a slot's episode is over: the slot is to be reset first")


def _snapshots(kit: _Kit) -> None:
    half = kit.steps // 2
    parts = kit.scripts[:3]
    with kit.vec(3) as vec, kit.vec(3) as other:
        if not isinstance(vec, Snapshot):
            return
        play(vec, parts, half)
        with rule(kit.who, "get_state must return plain data that a checkpoint can hold"):
            # The state goes through a file, as in a checkpoint: what JSON or npz would lose shows up here.
            kept = vec.get_state()
            state = through_file(kept)
        # Going on changes the environment; the state that was taken before must not change with it.
        uninterrupted = _go_on(vec, kit)
        if difference(kept, state):
            raise kit.fail("get_state must return a copy that stays as it is")
        places: list[tuple[Any, str]] = [
            (vec, "the environment it came from"),
            (other, "another environment"),
        ]
        for restored, where in places:
            restored.set_state(state)
            if _go_on(restored, kit) != uninterrupted:
                raise kit.fail(f"set_state must continue to the bit in {where}")


def _go_on(vec: Vec, kit: _Kit) -> list[bytes]:
    """Play on from where the environment stands, through resets without seeds; return all that is seen."""
    seen = []
    for k in range(kit.steps):
        actions = [script.actions[k] for script in kit.scripts[:3]]
        observations, rewards, terminated, truncated, _ = vec.step(batch(vec, actions))
        done = terminated | truncated
        if done.any():
            # No seeds here: the slots' own generators are a part of the state, and must go on from it.
            observations, _ = vec.reset(options={"reset_mask": done, "task": kit.tasks[3:]})
        seen += [np.concatenate(rows(vec, observations, "step")).tobytes(), rewards.tobytes(), done.tobytes()]
    return seen


def _cap(kit: _Kit, max_steps: int) -> None:
    with kit.vec(len(kit.tasks)) as vec:
        # One step more than allowed, so that an episode that is too long can be seen.
        parts = scripts(vec.single_action_space, kit.tasks, max_steps + 1)
        for episode in play(vec, parts, max_steps + 1):
            length = len(episode.rewards)
            if length > max_steps:
                raise kit.fail(f"no episode may be longer than {max_steps} steps, got {length}")
            if length < max_steps and episode.truncated:
                raise kit.fail(f"an episode must be truncated at step {max_steps} only, got {length}")
            if length == max_steps and not episode.over:
                raise kit.fail(f"an episode of {max_steps} steps must be over")
