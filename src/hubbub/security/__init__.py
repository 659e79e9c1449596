"""Passwords, signing keys and tokens: well-kept libraries behind the ports of the services."""
