"""What the exporter says of itself: metrics and logs."""
