"""Teacher-student curriculum learning: teachers choose tasks, students learn them, runs are compared."""
