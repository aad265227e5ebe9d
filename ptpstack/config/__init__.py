"""One typed model of the configuration: TOML in, every error at once, schema and docs out.

What lives here: ``load`` and ``from_command_line`` return a checked ``Config``; ``resolve.resolve`` joins it with
the profiles into the settings of the engine. What does not: the profiles' values (``profiles``), using any of it.
"""

from ptpstack.config.load import from_command_line, from_dict, load
from ptpstack.config.model import Config
from ptpstack.config.resolve import ResolvedInstance, ResolvedPort, resolve

__all__ = ["Config", "ResolvedInstance", "ResolvedPort", "from_command_line", "from_dict", "load", "resolve"]
