"""TLS: from the files that a configuration names to OpenSSL contexts. No sockets, no Twisted.

Loaded for what has a `tls` section only, and pyOpenSSL with it.
"""
