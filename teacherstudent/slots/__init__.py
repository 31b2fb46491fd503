"""Environment slots: vector environments in which every slot plays its own task.

Families, students and adapters import from here; teachers do not.
"""
