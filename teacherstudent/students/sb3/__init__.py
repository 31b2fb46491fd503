"""The student `sb3`: algorithms of stable-baselines3 on slots that play tasks.

The adapters for loops of users import from here.
"""
