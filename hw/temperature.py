"""A temperature sensor near an oscillator, by the kernel's hwmon files."""

from __future__ import annotations

from pathlib import Path

from ptpstack.errors import HardwareError

HWMON = Path("/sys/class/hwmon")


class TemperatureSensor:
    """The sensor *name*: ``CHIP/LABEL`` or ``CHIP/tempN`` below *hwmon*, or the path of a file.

    Raises ``HardwareError`` when there is none, or several.
    """

    def __init__(self, name: str, *, hwmon: Path = HWMON) -> None:
        self.name = name
        self._path = Path(name) if name.startswith("/") else _find(name, hwmon)
        self.celsius()

    def celsius(self) -> float:
        """Return what it shows. Raises ``HardwareError``."""
        try:
            return int(self._path.read_text()) / 1000.0
        except (OSError, ValueError) as error:
            raise HardwareError(
                "cannot read the temperature", where=self.name, why=getattr(error, "strerror", None) or str(error)
            ) from error


def _find(name: str, hwmon: Path) -> Path:
    chip, _, label = name.partition("/")
    found = [path for path in sorted(hwmon.glob("hwmon*/temp*_input")) if _text(path.parent / "name") == chip]
    if label:
        found = [path for path in found if label in (path.name.removesuffix("_input"), _label(path))]
    if len(found) == 1:
        return found[0]
    there = sorted({f"{_text(path.parent / 'name')}/{_label(path)}" for path in hwmon.glob("hwmon*/temp*_input")})
    raise HardwareError(
        "several temperature sensors are called so" if found else "no temperature sensor is called so",
        where=name,
        next_step=f"choose one of {', '.join(there)}, or give the path of its file" if there else "leave it out",
    )


def _label(path: Path) -> str:
    temperature = path.name.removesuffix("_input")
    return _text(path.with_name(f"{temperature}_label")) or temperature


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
