"""What embedded CloudFormation does for each resource type: one module per AWS service.

Handlers call the service's API in this process, so the service's own validation and its describe calls hold
for the resources of a template. `registry` maps the types' names to their handlers.
"""
