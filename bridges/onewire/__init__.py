"""1-wire thermometers, read through the files of the kernel's driver w1-therm."""
