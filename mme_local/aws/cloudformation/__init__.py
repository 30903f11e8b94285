"""CloudFormation: stacks, change sets and exports, in AWS's order of create, update, clean up and roll back.

moto's own engine is right on create and wrong on update: it deletes before it creates, and leaves references
to deleted resources. `service` holds the stacks, `operation` changes one, and `mme_local.aws.resource_types`
knows what each resource type does.
"""
