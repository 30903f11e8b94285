"""The consumer of asynchronous requests, which runs in the Lambda function and in the local endpoint.

It is packaged as it is, so it imports nothing but the standard library and the Lambda runtime's own boto3.
"""
