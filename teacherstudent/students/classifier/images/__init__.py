"""What happens to images on their way into a network: placed, augmented, made smaller.

Only the student `classifier` imports from here.
"""
