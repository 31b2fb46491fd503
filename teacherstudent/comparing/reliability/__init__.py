"""What rliable's figures say of runs: score distributions, and how likely one teacher is to beat another."""
