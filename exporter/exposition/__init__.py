"""From snapshots to bytes."""
