"""The commands of ``ptpstack``, one module each; ``main`` imports only the one that was asked for.

What lives here: parsing arguments, calling, printing, exit codes. What does not: anything else.
"""
