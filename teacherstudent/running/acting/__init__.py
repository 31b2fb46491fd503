"""Whether and when a teacher acts: the plan before a run, rows kept for measuring, what was steered."""
