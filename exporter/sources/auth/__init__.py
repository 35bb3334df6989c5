"""Bearer tokens for the APIs."""
