"""What people and scripts read: pages, JSON, service discovery."""
