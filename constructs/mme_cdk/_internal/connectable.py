"""Network connections of constructs, without loading aws_ec2 in apps that have no VPC."""

from __future__ import annotations

import jsii
from constructs import Construct

_declared: set[type[Construct]] = set()


def declare_connectable(kind: type[Construct]) -> None:
    """Declare a class with the property `connections` as an `aws_ec2.IConnectable`.

    Call it before an object is created: CDK learns its interfaces then. A decorator on the class would load
    aws_ec2 in every app, which takes about 0.2 s, a tenth of a synthesis.
    """
    from aws_cdk import aws_ec2

    if _declared.isdisjoint(kind.mro()):
        jsii.implements(aws_ec2.IConnectable)(kind)
        _declared.add(kind)
