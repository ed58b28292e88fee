"""A camera: one picture on request, or every so often, taken by a program of the system."""
