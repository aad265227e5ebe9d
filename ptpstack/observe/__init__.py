"""What the process tells about itself.

What lives here: the recorder of events, the formats they are printed in, snapshots for status.
What does not: deciding anything, and the sockets by which it is asked (``daemon``).
"""
