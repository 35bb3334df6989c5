"""Every option once, and where it comes from: flags, environment, file."""
