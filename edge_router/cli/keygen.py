"""`edge-router keygen`: a new key pair, printed and kept nowhere."""

from __future__ import annotations

import argparse
import secrets

from edge_router.node.ed25519 import SEED_SIZE, public_key, x25519_public_key


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--cryptosign."""
    parser.add_argument(
        "--cryptosign", action="store_true", help="for clients that log in with a key (Ed25519, method `cryptosign`)"
    )
    parser.epilog = (
        "Without options: for clients that encrypt payloads (X25519, autobahn's KeyRing), in Crossbar's form.\n"
        "The public key of --cryptosign belongs into `authorized_keys` of a principal; the private one to the client."
    )


def run(args: argparse.Namespace) -> int:
    """Print the pair in hexadecimal. Result: 0."""
    private = secrets.token_bytes(SEED_SIZE)
    public = public_key(private) if args.cryptosign else x25519_public_key(private)
    print(f"  private: {private.hex()}")
    print(f"   public: {public.hex()}")
    return 0
