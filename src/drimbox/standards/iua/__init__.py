"""OAuth 2.0 and OpenID Connect as IHE IUA uses them; the only home of joserfc."""
