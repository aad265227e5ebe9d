"""What runs inside the virtual machine: functions named ``check_…``, each of which raises when it is not so.

They are plain functions, not tests of pytest: starting it takes longer in there than they do.
"""
