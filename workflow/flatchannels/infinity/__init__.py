"""Where channels end: limit networks, certificates, routes."""
