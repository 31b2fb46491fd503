"""Options of small stable-baselines3 students."""

SMALL = {
    "PPO": {"n_steps": 32, "batch_size": 64, "n_epochs": 2},
    "A2C": {"n_steps": 16},
    "DQN": {"learning_starts": 20, "batch_size": 16, "train_freq": 8, "buffer_size": 500},
}
