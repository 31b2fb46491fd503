"""Writing a run folder and reading it back."""
