"""One module per schema version, never edited once released."""
