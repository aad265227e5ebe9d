"""Five clocks on this machine, with real packets and kernel stamps: watch them lock, lose their grandmaster, recover.

What lives here: the network of the demo (`bed`), the watching (`watch`), what the terminal shows (`screen`,
`chart`) and what is left at the end (`report`). What does not: namespaces (`lab.namespaces`), the clocks
themselves (`ptpstack`), figures for comparison (`lab.bench`).
"""
