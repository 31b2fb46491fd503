import ast
import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOUSE = runpy.run_path(str(ROOT / "benchmarks" / "house.py"), run_name="house")

SOURCE = '''
def told():
    """Say it."""

def silent(): ...

class Thing:
    @property
    def value(self):
        """The value."""

    @value.setter
    def value(self, value): ...

    def quiet(self, space):
        return isinstance(space, gym.spaces.Box | Discrete) or isinstance(space, str)

    def _own(self, space):
        return isinstance(space, (int, Levels))

class _Own:
    def anything(self): ...
'''


def test_what_the_outside_sees_is_documented():
    assert list(HOUSE["undocumented"](ast.parse(SOURCE))) == ["silent", "quiet"]


def test_looks_at_kinds_of_spaces_are_found():
    assert sorted(HOUSE["looks_at_kinds"](ast.parse(SOURCE))) == [16, 19]
