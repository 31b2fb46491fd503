"""Level design in loops that users own: whole rollouts on a teacher's levels, and what it hears of them."""
