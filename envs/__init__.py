"""Task families: one family, one file."""

from teacherstudent.registry import FAMILIES

if __name__ != "teacherstudent.envs":
    raise ImportError(f"import this package as teacherstudent.envs, not as {__name__}")

entries, get, make, names, register = (
    FAMILIES.entries,
    FAMILIES.get,
    FAMILIES.make,
    FAMILIES.names,
    FAMILIES.register,
)

__all__ = ["entries", "get", "make", "names", "register"]
