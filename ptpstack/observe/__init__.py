"""Events, status and statistics: what the process tells about itself, and in which formats."""
