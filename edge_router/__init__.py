"""edge-router: the WAMP v2 router that lives on a Raspberry Pi."""

__version__ = "0.1.0"
