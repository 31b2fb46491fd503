"""Conformance kits: run them on your own teachers, as this project's tests do on all of its own."""

from teacherstudent.testing.families import check_family
from teacherstudent.testing.teachers import check_teacher

__all__ = ["check_family", "check_teacher"]
