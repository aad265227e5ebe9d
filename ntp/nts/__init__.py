"""Network Time Security (RFC 8915): keys by TLS (NTS-KE), then NTP packets that prove where they come from.

What lives here: NTS-KE records and messages, the AEAD algorithms, the NTS extension fields, cookies and the master keys
that seal them, and both ends of a key establishment: what is said (sans-I/O) and the processes that say it. What does
not: NTP packets (``ntp.wire``), when a server is asked (``ntp.client``), and sockets that carry stamps.

TLS never runs in a process that steers a clock: a client's key establishment is a child that ends
(``key_exchange.py``), and a server's is a process of its own (``ke_server.py``).
"""
