"""Which line a key stands on."""

import pytest

from ptpstack.config.problems import Path as KeyPath
from ptpstack.config.source import Source, canonical, lines_of

TEXT = """\
top = 1
a.b = 2
[instance.main]  # comment
"quoted" = 3

[[instance.main.port]]
interface = "eth0"
[[ instance . main . port ]]
interface = "eth1"
[instance.main.port.sub]
x = 1
[instance.'second one']
y = [
  1,
]
time_receiver_only = true
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("top",), 1),
        (("a", "b"), 2),
        (("instance", "main"), 3),
        (("instance", "main", "quoted"), 4),
        (("instance", "main", "port"), 6),
        (("instance", "main", "port", 0), 6),
        (("instance", "main", "port", 0, "interface"), 7),
        (("instance", "main", "port", 1), 8),
        (("instance", "main", "port", 1, "interface"), 9),
        (("instance", "main", "port", 1, "sub", "x"), 11),
        (("instance", "second one"), 12),
        (("instance", "second one", "y"), 13),
        (("instance", "second one", "slave_only"), 16),
        (("instance", "second one", "time_receiver_only"), 16),
    ],
)
def test_a_key_has_its_line(path: KeyPath, line: int) -> None:
    assert lines_of(TEXT)[path] == line


def test_a_key_inside_an_inline_table_has_the_line_of_what_is_around_it() -> None:
    source = Source("x", {}, lines_of('[instance]\nmain = { port = [{ interface = "eth0" }] }\n'))
    assert source.line_of(("instance", "main", "port", 0, "interface")) == 2


def test_a_key_that_is_nowhere_has_no_line() -> None:
    assert Source("x", {}, lines_of(TEXT)).line_of(("servo", "type")) is None


def test_a_source_knows_what_was_written_down() -> None:
    source = Source("x", {"instance": {"main": {"port": [{"interface": "eth0"}]}}})
    assert source.gives(("instance", "main", "port", 0, "interface"))
    assert not source.gives(("instance", "main", "port", 0, "transport"))
    assert not source.gives(("instance", "main", "port", 1, "interface"))
    assert not source.gives(("log", "format"))


def test_an_alias_becomes_the_key_it_stands_for() -> None:
    given = {"instance": {"main": {"time_receiver_only": True, "port": [{"time_transmitter_only": False}]}}}
    assert canonical(given) == {"instance": {"main": {"slave_only": True, "port": [{"master_only": False}]}}}
