"""The command line: one module a command, named in the table of `edge_router.__main__`.

Every command's module offers two functions:

    add_arguments(parser: argparse.ArgumentParser) -> None   # its options; may also set parser.epilog
    run(args: argparse.Namespace) -> int                     # does it; result: the exit status

and, where it is so, `INTERMIXED = True`: options may stand in the middle of any number of arguments; `PROGRAM = True`:
what follows `--` is a program and its arguments, as `args.program`. `client` has the commands that talk to a running
router.

A module is imported only when its command was typed. It prints (this is the only package that may) results to
stdout and problems to stderr. What needs Twisted is loaded by name after the configuration was read.
Exit statuses: 0 done, 1 failed, 2 wrong usage, 69 (EX_UNAVAILABLE of sysexits.h) no such node.
"""
