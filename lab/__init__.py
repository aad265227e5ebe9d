"""Test beds and benches around the product: ``python3 -m lab demo | test | bench | vm``.

What lives here: the environment the commands run in (``bootstrap``), network namespaces, wrappers of
other people's programs (``peers``), the demo, the benches and the hardware lab's virtual machine.
What does not: anything the product needs to run; ``ptpstack``, ``hw`` and ``profiles`` never import it.
"""
