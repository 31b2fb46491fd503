"""Bandits over discrete tasks, and what they share: arms, policies, filters.

Families, students and the framework import nothing from here.
"""
