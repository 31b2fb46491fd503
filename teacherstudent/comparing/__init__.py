"""Comparing runs: what may be compared, statistics over seeds, tables, figures."""
