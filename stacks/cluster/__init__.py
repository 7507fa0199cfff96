"""The ECS cluster of both services."""
