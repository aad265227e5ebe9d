"""Other people's programs, as our tests, demo and benches use them.

What lives here: starting them in a node of a network and reading what they say, one module a program.
What does not: networks (`lab.namespaces`), installing them (`lab.test`), what is expected of them (`tests/interop`).
"""
