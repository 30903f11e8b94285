"""Who may call ``InvokeEndpoint``: signatures read, and on demand checked against embedded IAM."""
