"""Training loops that a user owns: a teacher behind a gymnasium environment or a VecEnv.

Nothing but the root package imports from here.
"""
