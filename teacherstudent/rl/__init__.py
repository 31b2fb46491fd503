"""Parts of which reinforcement-learning families, students and adapters are made."""
