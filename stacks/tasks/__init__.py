"""The Fargate task definition that the API, the workers and the gate share."""
