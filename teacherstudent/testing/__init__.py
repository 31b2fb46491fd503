"""Conformance kits: run them on your own teachers, as this project's tests do on all of its own."""

from teacherstudent.testing.teachers import check_teacher

__all__ = ["check_teacher"]
