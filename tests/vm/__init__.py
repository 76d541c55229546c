"""The VM lane: a Debian guest under QEMU, so that drivers and the service meet a real kernel."""
