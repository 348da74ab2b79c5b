"""What the box costs, beside what stands behind it: `scripts/bench`."""
