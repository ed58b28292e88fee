"""The Firmata bridge: pins of a microcontroller board, as an Arduino, become topics and procedures.

The way of a reading: serial port -> protocol (bytes to messages) -> board (who is there, what its pins can do) ->
bridge -> the pipeline of every bridge. Of a command: procedure -> outputs -> board -> serial port.
"""
