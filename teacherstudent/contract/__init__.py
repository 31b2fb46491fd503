"""The contract: what passes between teachers, students, families and the loop. Read this first.

Everything may import from here; nothing here imports from the rest of the project. `accounts` counts what is
planned, spent and under way; `stored` has what the files of a run may hold.
"""
