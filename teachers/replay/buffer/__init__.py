"""The level buffer: levels with scores, drawn by score and staleness, in compiled batches.

Only teachers import from here; the root package offers `LevelBuffer`.
"""
