"""The client's half of NTP with one server, sans-I/O: requests, replies, samples, and what follows from them.

What lives here: the association (``association``), which replies count (``packet_tests``), the samples kept and the
line through them (``samples``, ``regression``), and the poll interval (``poll``). What does not: sockets and clocks
(``ntp.transport``), and choosing among servers (``ntp.selection``).
"""
