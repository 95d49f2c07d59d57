"""Thirty nights with faults, held against thirty quiet ones: `make drill`."""
