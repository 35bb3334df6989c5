"""Offers, their steps and messages, and who has to act; what can go wrong; no I/O."""
