"""Composition root: settings -> adapters -> flows -> entrypoints; knows every concrete class."""
