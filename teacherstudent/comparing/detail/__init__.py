"""Beyond means: how reliable an order of teachers is, and how single test tasks fared over the runs."""
