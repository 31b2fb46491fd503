"""Memory tasks on bit sequences, and the leaky recurrent network that learns them."""
