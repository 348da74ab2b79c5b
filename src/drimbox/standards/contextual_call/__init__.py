"""The contextual call (TRA.04) as octets."""
