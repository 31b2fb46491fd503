"""What environments of a user's own play: where tasks come from, how they reach a slot, what came of them."""
