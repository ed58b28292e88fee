"""GPIO: lines of a chip as topics (inputs) and procedures (outputs), and PWM channels.

The way of an edge: `kernel` or `simulator` -> `chardev` or `libgpiod` -> `inputs` -> `measures` -> the pipeline.
What opens chips and sets lines needs no Twisted: it is used when there is no router any more, too.
"""
