"""What is done with the policy of a run: pictures of it, and files for other programs."""
