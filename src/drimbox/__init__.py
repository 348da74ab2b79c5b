"""drimbox: the gateway between an imaging site, the DMP and the DRIM-M network."""
