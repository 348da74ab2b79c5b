"""What drives the Source: messages to publications, publications to the DMP."""
