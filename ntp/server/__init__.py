"""The NTP server: processes beside the one that keeps time, which read what it says and answer who asks.

What lives here: replies, whole batches of them as arrays (``replies``) and one at a time (``single``), who may ask and
how often, and the processes (``worker``, ``master``). What does not: the clock and what it is worth, which the timing
process writes into shared memory (``time_state``).
"""
