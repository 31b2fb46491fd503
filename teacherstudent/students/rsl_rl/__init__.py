"""The student `rsl-rl`: PPO of rsl_rl on slots that stay on their device.

Nothing else imports from here.
"""
