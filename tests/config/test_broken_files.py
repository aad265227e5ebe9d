"""Files that are no configuration, misspelt keys and wrong types, and what the user is told."""

from pathlib import Path

import pytest

from ptpstack.config import load
from ptpstack.config.problems import InvalidConfigError
from ptpstack.errors import ConfigError
from tests.config.broken import GOOD, Broken

BROKEN = [
    Broken(
        "misspelt key of an instance",
        GOOD.replace("domain_number", "domain_nubmer"),
        ("ptp.toml:2: instance.main.domain_nubmer: unknown key", "did you mean domain_number?"),
    ),
    Broken(
        "the standard's own spelling",
        GOOD + "logSyncInterval = 0\n",
        ("ptp.toml:6: instance.main.port[0].logSyncInterval: unknown key", "did you mean log_sync_interval?"),
    ),
    Broken(
        "misspelt table",
        GOOD + "[servoo]\n",
        ("ptp.toml:6: servoo: unknown key", "did you mean servo?"),
    ),
    Broken(
        "key of another table",
        GOOD + "priority1 = 1\n",
        ("ptp.toml:6: instance.main.port[0].priority1: unknown key", "it belongs in [instance.NAME]"),
    ),
    Broken(
        "key like nothing we know",
        GOOD + "[log]\nzzz = 1\n",
        ("ptp.toml:7: log.zzz: unknown key", "the keys here are format, level, event_file"),
    ),
    Broken(
        "text for a number",
        GOOD + 'log_announce_interval = "fast"\n',
        ('ptp.toml:6: instance.main.port[0].log_announce_interval: "fast" is not an integer (allowed: -10 to 10)',),
    ),
    Broken(
        "fraction for an integer",
        GOOD.replace("domain_number = 0", "priority1 = 1.5"),
        ("ptp.toml:2: instance.main.priority1: 1.5 is not an integer (allowed: 0 to 255)",),
    ),
    Broken(
        "number for a boolean",
        GOOD.replace("domain_number = 0", "slave_only = 1"),
        ("ptp.toml:2: instance.main.slave_only: 1 is not a boolean (allowed: true, false)",),
    ),
    Broken(
        "number for text",
        GOOD.replace('"eth0"', "0"),
        ("ptp.toml:5: instance.main.port[0].interface: 0 is not text (write it in quotes)",),
    ),
    Broken(
        "one bracket too few",
        GOOD.replace("[[", "[").replace("]]", "]"),
        ("ptp.toml:4: instance.main.port: is not an array of tables", "write [[instance.main.port]]"),
    ),
    Broken(
        "instance without a name",
        'instance = "eth0"\n',
        ('ptp.toml:1: instance: "eth0" is not a table', "write [instance.NAME] with a name you choose"),
    ),
    Broken(
        "instance's keys without its name",
        "[instance]\ndomain_number = 3\n",
        ("ptp.toml:2: instance.domain_number: is not a table", "write [instance.NAME] with a name you choose"),
    ),
    Broken("number for a table", "log = 3\n" + GOOD, ("ptp.toml:1: log: 3 is not a table",)),
    Broken("nothing", "", ("ptp.toml: no instance", "write [instance.main] and [[instance.main.port]]")),
    Broken(
        "both spellings of one key",
        GOOD.replace("domain_number = 0", "slave_only = true\ntime_receiver_only = false"),
        ("ptp.toml:3: instance.main.time_receiver_only: is another name of slave_only, which is given too",),
    ),
    Broken(
        "mode as decimal digits",
        GOOD + "[control]\nmode = 660\n",
        ("ptp.toml:7: control.mode: 0o1224 is out of range (allowed: 0o0 to 0o777)",),
    ),
    Broken("not TOML", GOOD + "oops\n", ("ptp.toml:6: is not TOML", "at line 6")),
    Broken("key given twice", GOOD + 'interface = "eth1"\n', ("ptp.toml:6: is not TOML", "at line 6")),
]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.name)
def test_a_mistake_is_explained(broken: Broken, tmp_path: Path) -> None:
    broken.is_explained(tmp_path)


def test_what_the_table_breaks_is_good(tmp_path: Path) -> None:
    path = tmp_path / "ptp.toml"
    path.write_text(GOOD, encoding="utf-8")
    assert load(path).instance["main"].port[0].interface == "eth0"


def test_all_problems_are_told_at_once_in_the_order_of_the_lines(tmp_path: Path) -> None:
    path = tmp_path / "ptp.toml"
    path.write_text(
        '[instance.main]\nslave_only = "yes"\npriority1 = 256\n'
        '[[instance.main.port]]\nintreface = "eth0"\nlog_sync_interval = 3\n'
        "[instance.second]\nclock_class = 6\nslave_only = true\n"
        '[[instance.second.port]]\ninterface = "eth1"\nmaster_only = true\n'
        "[servo]\nstep_threshold_ns = -1\n",
        encoding="utf-8",
    )
    with pytest.raises(InvalidConfigError) as caught:
        load(path)
    assert [(problem.line, problem.key) for problem in caught.value.problems] == [
        (2, "instance.main.slave_only"),
        (3, "instance.main.priority1"),
        (4, "instance.main.port[0].interface"),
        (5, "instance.main.port[0].intreface"),
        (6, "instance.main.port[0].log_sync_interval"),
        (8, "instance.second.clock_class"),
        (12, "instance.second.port[0].master_only"),
        (14, "servo.step_threshold_ns"),
    ]


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"ptp.toml: cannot be read .No such file"):
        load(tmp_path / "ptp.toml")


def test_a_directory_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read .Is a directory"):
        load(tmp_path)


def test_a_file_that_is_not_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "ptp.toml"
    path.write_bytes(b"[instance.main]\n\xff\xfe")
    with pytest.raises(ConfigError, match=r"is not UTF-8 text .at byte 16"):
        load(path)
