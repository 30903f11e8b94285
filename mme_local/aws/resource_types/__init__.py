"""What embedded CloudFormation does with each resource type that it handles itself: one file per AWS service.

Each module's `TYPES` maps a type's name to the class of its handler. Handlers call the service's API inside
this process, so the service's own validation and its describe calls hold for what a template makes.
"""
