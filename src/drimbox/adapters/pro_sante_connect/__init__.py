"""Pro Santé Connect; the only home of authlib."""
