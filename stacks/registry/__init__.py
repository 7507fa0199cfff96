"""The repository of the service's images."""
