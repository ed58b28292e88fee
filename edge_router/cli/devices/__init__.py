"""`edge-router devices`: what is plugged in and built in, and whether a bridge could use it. One kind of device a file.

Each kind is a function `look(place) -> list[Device]` that reads files and asks the kernel; nothing is opened that
would notice it, and no byte is sent to a device, unless --probe asks for that.
"""
