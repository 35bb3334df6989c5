"""Prometheus exporter for the publishing status of Azure Marketplace offers."""
