"""Reference clocks of NTP: receivers and other programs of this host that say what time it is.

What lives here: the source that their readings make (``clock``, sans-I/O), and the sockets, shared memory and devices
that readings come from. What does not: servers on the network (``ntp.client``), and whom to believe
(``ntp.selection``).
"""
