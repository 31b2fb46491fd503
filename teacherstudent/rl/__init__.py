"""Parts of which reinforcement-learning students and adapters are made."""
