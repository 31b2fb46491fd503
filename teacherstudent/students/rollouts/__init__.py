"""What the students of reinforcement learning share: playing tasks, scores and signals of rollouts.

Students import from here.
"""
