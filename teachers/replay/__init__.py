"""Level design by replay: PLR, ACCEL, SFL and their siblings, one cycle with switches.

Families, students and the framework import nothing from here; the root package offers `LevelBuffer`.
"""
