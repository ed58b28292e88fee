"""What a node is told: declarations of every option, loading, checking, and the reference made from them.

No I/O beyond reading the file, no Twisted: the configuration is known before the reactor is imported.
"""
