"""What is looked at and written down before a run starts."""
