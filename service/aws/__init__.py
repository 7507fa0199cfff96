"""The adapter to AWS: no other module of the service imports boto3 or talks to the agent that ECS runs beside a task."""
