"""Runs the Lambda function of `AsyncInvocations`: processes that are fed from embedded SQS, as in Lambda."""
