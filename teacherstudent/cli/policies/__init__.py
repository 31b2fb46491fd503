"""Commands that use the policy of a run."""
