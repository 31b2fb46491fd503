"""Any gymnasium environment as a family of tasks, and what is found out about it first.

Families, adapters and the root package import from here.
"""
