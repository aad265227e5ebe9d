"""The commands: `ptpstack run`, `status`, `why`, `check`, `nics`."""
