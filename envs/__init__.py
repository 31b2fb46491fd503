"""Task families, by their worlds: walkers, mazes, goals, cart-poles, images, memory tasks, a grid.

A folder holds the families of one world and what only they use. Students may import from here where they are
made for a family, teachers may not.
"""

from teacherstudent.contract.registry import FAMILIES

# The folder is reachable by two names: imported by the other one, it would register every family twice.
if __name__ != "teacherstudent.envs":
    raise ImportError(f"import this package as teacherstudent.envs, not as {__name__}")

entries = FAMILIES.entries
get = FAMILIES.get
make = FAMILIES.make
names = FAMILIES.names
register = FAMILIES.register

__all__ = ["entries", "get", "make", "names", "register"]
