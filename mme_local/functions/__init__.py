"""Runs the Lambda functions of `AsyncInvocations` as Lambda would: own processes, fed from embedded SQS."""
