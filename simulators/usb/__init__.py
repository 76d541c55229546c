"""Simulated USB devices that a real Linux kernel enumerates, over USB/IP and vhci_hcd."""
