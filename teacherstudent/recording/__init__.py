"""Writing a run folder and reading it back; `disk` has what that is made of.

What runs and compares imports from here; teachers, families and students from `disk` only.
"""
