"""The trusted space of DRIM-M: white list, its signature, the certificates it speaks of."""
