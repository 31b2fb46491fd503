"""Stages of training in a loop that a user owns: chosen by a teacher, or applied by hand."""
