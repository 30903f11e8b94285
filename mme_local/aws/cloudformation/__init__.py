"""CloudFormation: stacks, change sets and exports, in AWS's order of create, update, clean up and roll back.

moto's own engine is right on create and wrong on update (it deletes before it creates, and leaves references
to what is gone), and loading it loads every service. So this is a service of its own on moto's web layer:
`service` holds the stacks, `engine` moves them, `resource_types` beside it says what each type does.
"""
