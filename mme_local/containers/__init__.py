"""Serving containers.

`container` defines the protocol, `factory` chooses the kind, `contract` and `http_pool` speak SageMaker's
multi-model contract over HTTP, `trial` loads one model for `mme models try`. Each folder holds one kind.
"""
