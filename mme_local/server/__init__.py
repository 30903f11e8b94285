"""The HTTP server: the invoke route, access checks, and the WSGI bridge to moto."""
