"""Scenario files: what they may say, what they must not, and the world they come to."""

from pathlib import Path

import pytest

from ptpstack.arbiter.clock_state import ClockState
from ptpstack.config.problems import InvalidConfigError
from ptpstack.sim.network import LinkConditions
from ptpstack.sim.oscillator import MODELS
from ptpstack.sim.scenario.build import Site, conditions, oscillator_model
from ptpstack.sim.scenario.load import load
from ptpstack.sim.scenario.model import At, Oscillator, Scenario, seconds_of
from ptpstack.sim.scenario.topology import wires

TWO = """\
duration = "10 s"
[host.gm]
instance.main.priority1 = 10
[host.slave]
[[link]]
between = ["gm", "slave"]
"""


def scenario(tmp_path: Path, text: str) -> Scenario:
    file = tmp_path / "s.toml"
    file.write_text(text)
    return load(file)


def problems(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(InvalidConfigError) as caught:
        scenario(tmp_path, text)
    return [str(problem).replace(f"{tmp_path}/", "") for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "seconds"), [("250 ms", 0.25), ("90 s", 90), ("90s", 90), ("1.5 min", 90), ("4 h", 14_400)]
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: float) -> None:
    assert seconds_of(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "s.toml: duration: is missing"),
        (
            TWO + "[host.slave.instance.a]\n[host.slave.instance.b]\ndomain_number = 1",
            "or write [arbiter] order",
        ),
        (TWO + '[holdover]\ntemperature = "x"', "holdover.temperature: has no meaning here"),
        ('duration = "10 s"', "s.toml: no host\n  next: write [host.NAME] with a name you choose"),
        (
            TWO.replace('"10 s"', "10"),
            "s.toml:1: duration: 10 is not text (write it in quotes)",
        ),
        (
            TWO.replace("10 s", "ten"),
            '"ten" is not of the right form (expected: a number and ms, s, min or h, such as "90 s")',
        ),
        (TWO.replace("10 s", "900 h"), 's.toml:1: duration: "900 h" is out of range (allowed: above 0 to 28 h)'),
        (TWO.replace('duration = "10 s"', 'duration = "10 s"\nsead = 3'), "unknown key\n  next: did you mean seed?"),
        (TWO + "jitter = 5", "did you mean jitter_ns?"),
        (TWO + "tx_loss = 0.5", "s.toml:7: link[0].tx_loss: unknown key\n  next: it belongs in [stamping]"),
        (TWO + "loss = 1.5", "s.toml:7: link[0].loss: 1.5 is out of range (allowed: 0 to 1)"),
        (TWO + 'loss = "all"', 's.toml:7: link[0].loss: "all" is not a number (allowed: 0 to 1)'),
        (TWO.replace('["gm", "slave"]', '"gm"'), 's.toml:6: link[0].between: "gm" is not an array'),
        (
            TWO.replace('"slave"]', '"slav"]'),
            's.toml:6: link[0].between: no host "slav" (there are gm, slave)\n  next: did you mean slave?',
        ),
        (TWO.replace('["gm", "slave"]', '["gm"]'), "a link joins two hosts or more"),
        (TWO.replace('"slave"]', '"gm"]'), "joins a host with itself"),
        (TWO + '[[link]]\nbetween = ["gm:1", "slave"]\n[[link]]\nbetween=["gm:1", "slave"]', "is on another link"),
        (TWO + '[[star]]\ncenter = "gm"\nleaves = ["gm"]', "gm is its own leaf"),
        (TWO + '[[chain]]\nhosts = ["gm", "slave", "gm"]', "a host is in the chain twice"),
        (TWO + '[[at]]\ntime = "60 s"\nlink = "gm/slave"\nup = false', "comes after the end (the duration is 10 s)"),
        (TWO + '[[at]]\ntime = "6 s"\nup = false', "needs a link or a host"),
        (TWO + '[[at]]\ntime = "6 s"\nlink = "slave/gm"\nup = false', 'no link "slave/gm" (there are gm/slave)'),
        (TWO + '[[at]]\ntime = "6 s"\nlink = "gm/slave"', "changes nothing"),
        (TWO + '[[at]]\ntime = "6 s"\nlink = "gm/slave"\nrunning = false', "is a change of a host"),
        (TWO + '[report]\nmasks = ["g8271.1-d"]', 'no mask "g8271.1-d"'),
        (TWO + '[report]\nafter = "10 s"', "leaves nothing to report"),
        (TWO + '[report]\nreference = "slaves"', "did you mean slave?"),
        (TWO.replace("priority1", "prioritaet"), "s.toml:3: host.gm.instance.main.prioritaet: unknown key"),
        (TWO.replace("10\n", "256\n"), "s.toml:3: host.gm.instance.main.priority1: 256 is out of range"),
        (
            TWO + "[instance.main]\n[[instance.main.port]]\nlog_sync_interval = -4",
            "instance.main.port[0].log_sync_interval: -4 is out of range (allowed: -1 to 1 by profile default-e2e",
        ),
        (TWO + "name = a\n", "s.toml:7: is not TOML"),
        (
            TWO.replace("priority1 = 10", 'profile = "default-p2"'),
            "s.toml:3: host.gm.instance.main.profile",
        ),
        (TWO + "[host.gm.instance.b]\ndomain_number = 0", "is in the same domain as main"),
        (TWO + "[[host.gm.instance.main.port]]\ntwo_step = false", "no simulated NIC writes the time into a Sync"),
        (TWO + '[servo]\ntype = "pid"', 's.toml:8: servo.type: "pid" is not a choice'),
    ],
)
def test_what_is_wrong_is_told_with_line_key_and_a_way_out(tmp_path: Path, text: str, said: str) -> None:
    assert said in "\n".join(problems(tmp_path, text))


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    told = problems(tmp_path, TWO + 'loss = 2\njiter_ns = 1\n[instance.x]\nprofile = "x"')
    assert [line.split(": ")[1] for line in told] == ["link[0].loss", "link[0].jiter_ns", "instance.x.profile"]


@pytest.mark.parametrize(("settings", "in_spec"), [("", True), ("[host.slave.holdover]\nseconds = 5\n", False)])
def test_a_host_is_in_holdover_by_the_settings_of_its_own(tmp_path: Path, settings: str, in_spec: bool) -> None:
    text = TWO.replace('"10 s"', '"200 s"') + settings + '[[at]]\ntime = "170 s"\nhost = "gm"\nrunning = false\n'
    site = Site(scenario(tmp_path, text), seed=1)
    site.world.run(200.0)
    discipline = site.world.hosts["slave"].discipline
    assert discipline is not None
    expected = ClockState.HOLDOVER_IN_SPEC if in_spec else ClockState.HOLDOVER_OUT_OF_SPEC
    assert discipline.arbiter.state is expected, discipline.arbiter.state


def test_templates_stars_and_chains_are_written_out(tmp_path: Path) -> None:
    text = """\
duration = "1 s"
[host.gm]
[host.bc]
count = 2
[host.slave]
count = 3
[[chain]]
hosts = ["gm", "bc"]
[[star]]
center = "bc-2"
leaves = ["slave"]
name = "floor"
[[link]]
between = ["gm:7", "bc-1:3"]
name = "spare"
"""
    ends = {wire.name: wire.ends for wire in wires(scenario(tmp_path, text))}
    assert ends == {
        "spare": (("gm", 7), ("bc-1", 3)),
        "gm/bc-1": (("gm", 1), ("bc-1", 1)),
        "bc-1/bc-2": (("bc-1", 2), ("bc-2", 1)),
        "bc-2/slave-1": (("bc-2", 2), ("slave-1", 1)),
        "bc-2/slave-2": (("bc-2", 2), ("slave-2", 1)),
        "bc-2/slave-3": (("bc-2", 2), ("slave-3", 1)),
    }
    each = text.replace('name = "floor"', 'ports = "each"')
    assert [wire.ends[0][1] for wire in wires(scenario(tmp_path, each)) if wire.name.startswith("bc-2/")] == [2, 3, 4]


def test_what_is_left_open_is_the_preset_or_what_was_before() -> None:
    assert (
        oscillator_model(Oscillator(preset="ocxo", ageing_ppb_per_day=0.0)).white_fm_ppb == MODELS["ocxo"].white_fm_ppb
    )
    assert oscillator_model(Oscillator(preset="ocxo", ageing_ppb_per_day=0.0)).ageing_ppb_per_day == 0.0
    before = LinkConditions(delay_ns=7.0, loss=0.5)
    assert conditions(At(time="1 s", load=0.3), before) == LinkConditions(delay_ns=7.0, loss=0.5, load=0.3)


def test_tables_at_the_top_hold_for_hosts_without_their_own(tmp_path: Path) -> None:
    text = TWO.replace("[host.slave]", "[host.slave]\nstamping.jitter_ns = 3") + (
        "[stamping]\njitter_ns = 9\n[instance.main]\ndomain_number = 4\n[oscillator]\nfrequency_error_ppb = 7\n"
    )
    site = Site(scenario(tmp_path, text), seed=1)
    gm, slave = site.world.hosts["gm"], site.world.hosts["slave"]
    assert (gm.stamping.jitter_ns, slave.stamping.jitter_ns) == (9, 3)
    assert (list(gm.instances), list(slave.instances)) == ([0], [4])
    assert gm.clock.oscillator.frequency_error_ppb == slave.clock.oscillator.frequency_error_ppb == 7


def test_hosts_of_one_template_differ_by_what_is_drawn_for_each(tmp_path: Path) -> None:
    text = TWO.replace(
        "[host.slave]", "[host.slave]\ncount = 20\noscillator.frequency_spread_ppb = 100\nstart_offset_spread_ns = 50"
    )
    slaves = [Site(scenario(tmp_path, text), seed=1).world.hosts[f"slave-{n}"].clock for n in range(1, 21)]
    errors = [clock.oscillator.frequency_error_ppb for clock in slaves]
    assert len(set(errors)) == 20
    assert max(map(abs, errors)) <= 100
    assert max(abs(clock.offset_ns(0)) for clock in slaves) <= 50


TIMELINE = """\
[[at]]
time = "2 s"
link = "gm/slave"
up = false
[[at]]
time = "3 s"
link = "gm/slave"
up = true
load = 0.5
[[at]]
time = "4 s"
host = "gm"
running = false
[[at]]
time = "5 s"
host = "gm"
running = true
clock_step_ns = 1000
[[at]]
time = "6 s"
host = "slave"
frequency_change_ppb = 100
temperature_change_k = 10
"""


def test_the_timeline_does_what_it_says_when_it_says(tmp_path: Path) -> None:
    text = TWO.replace(
        "[host.slave]", "[host.slave]\ninstance.main.free_running = true\noscillator = {temperature_ppb_per_k = 2}"
    )
    site = Site(scenario(tmp_path, text + TIMELINE), seed=1)
    world, gm, slave = site.world, site.world.hosts["gm"], site.world.hosts["slave"]
    link = world.links[0]
    assert slave.discipline is None
    seen = []
    for _ in range(6):
        world.run(1.0)
        world.run(0.001)
        seen.append((link.up, link.conditions.load, len(gm.instances), round(gm.clock.offset_ns(world.scheduler.now))))
        world.run(-0.001)
    assert seen == [
        (True, 0.0, 1, 0),
        (False, 0.0, 1, 0),
        (True, 0.5, 1, 0),
        (True, 0.5, 0, 0),
        (True, 0.5, 1, 1000),
        (True, 0.5, 1, 1000),
    ]
    world.run(3.0)
    assert world.offset_ns(slave) == pytest.approx(100 * 3 + 2 * 10 * 3**2 / 2 / 60, rel=0.05)


CHAIN = """\
duration = "60 s"
[stamping]
jitter_ns = 10
[host.gm]
instance.main = {{ profile = "{profile}", priority1 = 10 }}
[host.relay]
count = 3
start_offset_spread_ns = 1e6
oscillator = {{ preset = "tcxo", frequency_spread_ppb = 4000 }}
instance.main = {{ profile = "{profile}", {relay} }}
[host.end]
start_offset_ns = 1e6
oscillator = {{ preset = "tcxo", frequency_error_ppb = 4000 }}
instance.main = {{ profile = "{profile}", slave_only = true }}
[[chain]]
hosts = ["gm", "relay", "end"]
[report]
after = "45 s"
"""


@pytest.mark.parametrize(
    ("profile", "relay", "steps_removed"),
    [
        ("default-e2e", "priority2 = 200", 4),
        ("default-p2p", "priority2 = 200", 4),
        ("default-e2e", 'instance_type = "e2e-tc"', 1),
        ("default-p2p", 'instance_type = "p2p-tc"', 1),
    ],
)
def test_time_goes_through_a_chain_of_boundary_or_transparent_clocks(
    tmp_path: Path, profile: str, relay: str, steps_removed: int
) -> None:
    site = Site(scenario(tmp_path, CHAIN.format(profile=profile, relay=relay)), seed=1)
    site.world.run(60)
    end = site.world.hosts["end"]
    assert end.instances[0].current_ds.steps_removed == steps_removed
    assert site.world.max_ns(end, last_s=10) < 300
    assert ("relay-1" in {host.name for host in site.steered}) == (steps_removed == 4)


def test_the_daemons_rules_hold_for_instances(tmp_path: Path) -> None:
    told = problems(tmp_path, CHAIN.format(profile="default-e2e", relay='instance_type = "p2p-tc"'))
    assert len(told) == 1
    assert 'host.relay.instance.main.port[0].delay_mechanism: "e2e" contradicts instance_type = "p2p-tc"' in told[0]


TWO_DOMAINS = """\
duration = "40 s"
[host.near]
instance.a = {{ priority1 = 10, clock_class = 7 }}
[host.far]
instance.b = {{ priority1 = 10, clock_class = 6, domain_number = 1 }}
start_offset_ns = 5e6
[host.slave]
instance.a = {{ slave_only = true, port = [{{}}] }}
instance.b = {{ slave_only = true, domain_number = 1, port = [{{}}] }}
{slave}
[[link]]
between = ["near", "far", "slave"]
{top}
"""


@pytest.mark.parametrize(
    ("top", "slave", "offset_ns"),
    [
        ('[arbiter]\norder = "configuration"', "", 0.0),
        ('[arbiter]\norder = "quality"', "", 5e6),
        ('[arbiter]\norder = "quality"', 'arbiter.order = "configuration"', 0.0),
        ("", 'arbiter.order = "quality"', 5e6),
    ],
)
def test_the_arbiter_of_a_host_chooses_among_domains_in_the_words_of_the_daemon(
    tmp_path: Path, top: str, slave: str, offset_ns: float
) -> None:
    site = Site(scenario(tmp_path, TWO_DOMAINS.format(top=top, slave=slave)), seed=1)
    site.world.run(40.0)
    assert site.world.offset_ns(site.world.hosts["slave"]) == pytest.approx(offset_ns, abs=1_000)
