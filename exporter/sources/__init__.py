"""Where offers come from: one module per upstream API, and the HTTP client that they share."""
