"""Labels: a template and one parcel's data become one 1-bit page."""
