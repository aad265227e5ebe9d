"""``python -m ptpstack``: the same as the command ``ptpstack``."""

import sys

from ptpstack.cli.main import main

sys.exit(main())
