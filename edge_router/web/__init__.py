"""Pages, files and WebSockets by path: twisted.web's HTTP, and one service a file.

Only `twisted.web.http` is used. `twisted.web.server` and `static` would cost 3.8 MB (they bring twisted.spread); what
is needed of them - finding a service by its path, sending a file - is short.
"""
