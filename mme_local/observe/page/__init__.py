"""The status page: rendered here, patched in the browser as things change."""
