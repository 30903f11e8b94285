"""The consumer of asynchronous requests: what runs in the Lambda function, and in the local runtime.

It needs the standard library and the Lambda runtime's own boto3, nothing else; it is packaged as it stands.
"""
