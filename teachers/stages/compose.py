"""Several open-loop curricula at once, each with knobs of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from teacherstudent.contract.checks import check_mapping
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Parameters
from teacherstudent.contract.types import Seed
from teacherstudent.teachers.stages.paths import OpenLoop


@TEACHERS.register("compose")
class Compose(OpenLoop):
    """Moves the knobs of several open-loop teachers over one space.

    Args:
        space: named knobs.
        seed: an integer of at least 0 or a ``SeedSequence``; nothing is drawn from it.
        parts: teachers, each a registered name, or a mapping of ``"name"`` and the teacher's options.
        values: values of knobs that none of them drives; those that are not named are neutral.

    Raises:
        TypeError: if the space has no named knobs, the seed is no integer, or a part is no open-loop teacher.
        ValueError: if two parts drive the same knob; of each part, as the teacher does.
    """

    def __init__(
        self,
        space: Parameters,
        *,
        seed: Seed,
        parts: Sequence[str | Mapping[str, Any]] = (),
        values: Mapping[str, float] | None = None,
    ) -> None:
        # A string is a sequence too, of letters.
        if isinstance(parts, str | Mapping) or not isinstance(parts, Sequence):
            raise TypeError(f"compose: parts: expected a list of names or mappings, got {parts!r}")
        self._parts = [_part(space, seed, part, check_mapping("compose: values", values)) for part in parts]
        drives: dict[str, tuple[float, float]] = {}
        for part in self._parts:
            for name, reach in part.drives.items():
                # A knob with two teachers would silently follow the second one.
                if name in drives:
                    raise ValueError(f"compose: {name}: expected a knob with one teacher, got it from two")
                drives[name] = reach
        super().__init__(space, seed=seed, who="compose", drives=drives, values=values)

    @classmethod
    def usual_knobs(cls, options: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the knobs that the parts drive, each once."""
        found: list[str] = []
        for part in options.get("parts", ()):
            name = part.get("name") if isinstance(part, Mapping) else part
            # What is no name is refused when the teacher is made.
            make = TEACHERS.get(name) if isinstance(name, str) else None
            if isinstance(make, type) and issubclass(make, OpenLoop):
                found += make.usual_knobs({})
        return tuple(dict.fromkeys(found))

    def path(self, progress: float) -> dict[str, float]:
        """Return the values of all driven knobs."""
        return {name: value for part in self._parts for name, value in part.path(progress).items()}


def _part(
    space: Parameters, seed: Seed, given: str | Mapping[str, Any], values: Mapping[str, float]
) -> OpenLoop:
    """Return a part from its name or its name and options."""
    options = {"name": given} if isinstance(given, str) else check_mapping("compose: parts", given)
    if not isinstance(options.get("name"), str):
        raise ValueError(f"compose: parts: expected a name in each, got {given!r}")
    name = options.pop("name")
    make = TEACHERS.get(name)
    if not (isinstance(make, type) and issubclass(make, OpenLoop)):
        raise TypeError(f"compose: parts: expected open-loop teachers, got {name!r}")
    # A part's own options come last, so they win over the common values.
    return make(space, seed=seed, **{"values": values, **options})
