"""One kind of chip a file: its section of the configuration, and its driver. Each names its datasheet."""
