"""NTPv4 packets: the header, extension fields and authentication trailer (RFC 5905, 7822, 8573).

What lives here: octets to fields and back; ``packet.decode`` raises ``WireError`` or nothing.
What does not: what a packet means to an association (``ntp.client``), and the computing of MACs (``ntp.keys``).
"""
