"""PTP profiles as data: defaults, ranges and the names of registered code, one TOML file each.

What lives here: the files and :mod:`profiles.loader`. What does not: code that a profile chooses between
(``ptpstack.core``) and what an operator overrides (``ptpstack.config``).
"""

from profiles.loader import Attribute, Profile, ProfileError, load_profile, profile_names

__all__ = ["Attribute", "Profile", "ProfileError", "load_profile", "profile_names"]
