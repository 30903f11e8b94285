"""Letting CDK treat a construct as one with network connections, at the cost of aws_ec2 only where used."""

from __future__ import annotations

import jsii
from constructs import Construct

_declared: set[type[Construct]] = set()


def declare_connectable(kind: type[Construct]) -> None:
    """Make a class with the property `connections` an `aws_ec2.IConnectable` to CDK.

    Before an object of it is created, as CDK learns its interfaces then. A decorator on the class would load
    aws_ec2 in every app: about 0.2 s, a tenth of a synthesis, for a property that exists in a VPC only.
    """
    from aws_cdk import aws_ec2

    if _declared.isdisjoint(kind.mro()):
        jsii.implements(aws_ec2.IConnectable)(kind)
        _declared.add(kind)
