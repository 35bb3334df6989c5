"""From bytes to HTTP."""
