"""What both sandbox OpenID providers share; each judges by its own rules."""
