"""What the packages of `mme_cdk` share: validation, and accepted findings of linters. Not public."""
