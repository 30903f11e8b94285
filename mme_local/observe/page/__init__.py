"""The status page: rendered on the server by templates, updated in the browser by server-sent events."""
