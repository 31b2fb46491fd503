"""Teachers of goals that train a network of their own, which makes or judges tasks.

Families, students and the framework import nothing from here. They need torch.
"""
