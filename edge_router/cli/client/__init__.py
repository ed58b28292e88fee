"""Commands that talk to a running router: publish, subscribe, call, register, sessions, topics, procedures, top.

One module a command, as `edge_router.cli` says. `options`: where the router is and who one is there. `where`: finding
the node of this machine. `values`: arguments and output. `talk`: a session for as long as a command takes; it and what
else needs Twisted is loaded when the command line has been understood.
"""
