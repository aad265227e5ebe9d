"""Which instance steers which clock, and which measurements may."""
