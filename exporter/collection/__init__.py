"""From a source to snapshots."""
