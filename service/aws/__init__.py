"""The one adapter to AWS: nothing else of the service knows boto3, nor the agent that ECS runs beside a task."""
