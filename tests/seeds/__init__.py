"""The examples of the documents that the project began with, run with edge-router in the place of crossbar."""
