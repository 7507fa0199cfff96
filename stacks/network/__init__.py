"""The network of an environment."""
