"""Where what a realm keeps of its events survives the router: one kind of store a file, loaded only if configured."""
