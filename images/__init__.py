"""From this repository to what people install: Debian packages, SD images, container images, a release.

    python -m images deb --arch arm64        build/dist/edge-router_0.1.0_arm64.deb
    python -m images --help                  everything else

    __main__     what was typed
    plan         what is to be built, in order, and what is said of it
    steps        steps that are not done twice, and what is said while they run
    failures     what was missing when one failed, from what programs said
    version      the version and the time that everything is stamped with
    packages     what is taken from Debian, for which architecture, from which mirror
    roots        root file systems, by mmdebstrap
    wheel        our own Python, as pip installs it
    deb          the Debian package; manual and completion are made by `manual` and `completion`
    boards       a board's root file system; `initrd` is what its kernel begins with
    kernel       a newer kernel than Debian 13's own, for the boards that need one
    sdcard       the image of an SD card: partitions, and what is different on a card; `bootpart` is its first one
    imager       the manifest for Raspberry Pi Imager
    native       programs of Debian 13 that run here, so that what they make is the same everywhere
    bytecode     byte code for trees of other architectures
    oci          the container image
    msgspec      the one dependency that Debian has not for armhf, cross-built
    release      everything in one directory, with checksums and notes; `sbom` says what is in each file
    debian/      what stands in the package as it is        board/   what is on a board besides
    card/        what is on a card besides             bootfiles/   what stands on its boot partition

Only what builds may live here; nothing of it is in a package. It is run by the Python of the virtual environment, on a
Debian machine, as root where root file systems are made, and needs no Docker daemon.
"""
