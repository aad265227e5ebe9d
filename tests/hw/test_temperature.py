"""Temperature sensors by chip and label, as the kernel shows them."""

from pathlib import Path

import pytest

from hw.temperature import TemperatureSensor
from ptpstack.errors import HardwareError


@pytest.fixture
def hwmon(tmp_path: Path) -> Path:
    for number, chip, label, text in ((0, "coretemp", "Core 0", "41000"), (1, "ice", "", "55500")):
        chip_directory = tmp_path / f"hwmon{number}"
        chip_directory.mkdir()
        (chip_directory / "name").write_text(f"{chip}\n")
        (chip_directory / "temp1_input").write_text(f"{text}\n")
        if label:
            (chip_directory / "temp1_label").write_text(f"{label}\n")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "celsius"),
    [("coretemp/Core 0", 41.0), ("coretemp/temp1", 41.0), ("ice", 55.5), ("ice/temp1", 55.5)],
)
def test_a_sensor_is_found_by_its_chip_and_label(hwmon: Path, name: str, celsius: float) -> None:
    assert TemperatureSensor(name, hwmon=hwmon).celsius() == celsius


def test_a_path_is_taken_as_it_is(hwmon: Path) -> None:
    assert TemperatureSensor(str(hwmon / "hwmon1" / "temp1_input")).celsius() == 55.5


def test_an_unknown_sensor_is_an_error_that_names_those_there_are(hwmon: Path) -> None:
    with pytest.raises(HardwareError) as error:
        TemperatureSensor("k10temp", hwmon=hwmon)
    assert "coretemp/Core 0" in error.value.next_step


def test_an_ambiguous_name_is_an_error(hwmon: Path) -> None:
    (hwmon / "hwmon1" / "temp2_input").write_text("1\n")
    with pytest.raises(HardwareError, match="several"):
        TemperatureSensor("ice", hwmon=hwmon)


def test_a_sensor_that_goes_away_is_an_error(hwmon: Path) -> None:
    sensor = TemperatureSensor("ice", hwmon=hwmon)
    (hwmon / "hwmon1" / "temp1_input").unlink()
    with pytest.raises(HardwareError, match="cannot read the temperature"):
        sensor.celsius()
