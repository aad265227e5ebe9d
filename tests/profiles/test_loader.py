"""Profiles are data that the loader types and checks."""

from dataclasses import dataclass

import pytest

from profiles import ProfileError, load_profile, profile_names
from profiles.loader import BMCA_VARIANTS, FOLDER, parse_profile

GOOD = (FOLDER / "default-e2e.toml").read_text(encoding="utf-8")


def test_the_default_profiles_ship() -> None:
    assert {"default-e2e", "default-p2p"} <= set(profile_names())


@pytest.mark.parametrize("name", profile_names())
def test_every_shipped_profile_loads_under_its_file_name(name: str) -> None:
    profile = load_profile(name)
    assert profile.ident == name
    assert profile.bmca in BMCA_VARIANTS


def test_default_is_an_alias_of_the_e2e_profile() -> None:
    assert load_profile("default") is load_profile("default-e2e")


def test_no_alias_names_two_profiles() -> None:
    names = [name for ident in profile_names() for name in (ident, *load_profile(ident).aliases)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("name", "default", "low", "high"),
    [
        ("domain_number", 0, 0, 127),
        ("log_announce_interval", 1, 0, 4),
        ("announce_receipt_timeout", 3, 2, 10),
        ("log_sync_interval", 0, -1, 1),
        ("log_min_delay_req_interval", 0, 0, 5),
    ],
)
def test_default_e2e_has_the_values_of_annex_i_3(name: str, default: int, low: int, high: int) -> None:
    attribute = load_profile("default-e2e").attributes[name]
    assert (attribute.default, attribute.min, attribute.max) == (default, low, high)


def test_each_default_profile_measures_delay_in_one_way() -> None:
    assert load_profile("default-e2e").delay_mechanisms == ("e2e",)
    assert load_profile("default-p2p").delay_mechanisms == ("p2p",)
    assert "log_min_delay_req_interval" not in load_profile("default-p2p").attributes


def test_an_unverified_value_says_so() -> None:
    profile = load_profile("default-e2e")
    assert profile.is_unverified("domain_number", "range")
    assert not profile.is_unverified("domain_number", "default")
    assert not profile.is_unverified("priority1", "range")


def test_an_unknown_profile_is_answered_with_the_nearest_and_all() -> None:
    with pytest.raises(ProfileError) as caught:
        load_profile("default_e2e")
    assert caught.value.what == 'no profile "default_e2e"'
    assert "default-e2e, default-p2p" in caught.value.why
    assert caught.value.next_step == "did you mean default-e2e?"


@pytest.mark.parametrize("name", ["", "../profiles/default-e2e", "/etc/passwd", "default-e2e.toml"])
def test_a_name_is_never_a_path(name: str) -> None:
    with pytest.raises(ProfileError):
        load_profile(name)


@dataclass
class Broken:
    name: str
    old: str
    new: str
    says: str


BROKEN = [
    Broken("unregistered BMCA", 'bmca = "default"', 'bmca = "best_of_all"', "'best_of_all' is not registered"),
    Broken("default outside its range", "default = 1, min = 0", "default = 9, min = 0", "9 is outside 0 to 4"),
    Broken("unknown attribute", "priority1 =", "priority3 =", "priority3"),
    Broken("unknown key", "sdo_id =", "sdoid = 0\nsdo_id =", "sdoid"),
    Broken("unknown mechanism", '["e2e"]', '["e2e", "magic"]', "magic"),
    Broken("no mechanism", '["e2e"]', "[]", "delay_mechanisms"),
    Broken("malformed identifier", "00-1B-19", "001B19", "profile_identifier"),
    Broken("unverified names nothing", '"domain_number.range"', '"domain.range"', "'domain.range' names nothing"),
    Broken("unverified part", '"domain_number.range"', '"domain_number.colour"', "names nothing"),
    Broken("other ident", 'ident = "default-e2e"', 'ident = "other"', "'other' is not the file's name"),
    Broken("not TOML", "[attributes]", "[attributes", "line"),
]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.name)
def test_an_unusable_profile_names_its_file_and_reason(broken: Broken) -> None:
    assert broken.old in GOOD
    with pytest.raises(ProfileError) as caught:
        parse_profile(GOOD.replace(broken.old, broken.new), origin="/somewhere/default-e2e.toml")
    assert caught.value.where == "/somewhere/default-e2e.toml"
    assert broken.says in caught.value.why


def test_the_unbroken_text_is_usable() -> None:
    assert parse_profile(GOOD, origin="default-e2e.toml") == load_profile("default-e2e")


EXPECTED = {
    # domain_number, log_announce_interval, log_sync_interval, log_min_delay_req_interval, announce_receipt_timeout
    "st2059-2": ((127, 0, 127), (0, -3, 1), (-3, -7, -1), (-3, -7, 4), (3, 2, 10)),
    "aes67": ((0, 0, 127), (1, 0, 4), (-3, -4, 1), (0, -3, 5), (3, 2, 10)),
    "rfc9760": ((0, 0, 127), (0, 0, 0), (0, -7, 7), (0, -7, 7), (3, 3, 4)),
}
NAMES = (
    "domain_number",
    "log_announce_interval",
    "log_sync_interval",
    "log_min_delay_req_interval",
    "announce_receipt_timeout",
)


@pytest.mark.parametrize("name", EXPECTED)
def test_profiles_that_are_data_only_have_their_values(name: str) -> None:
    attributes = load_profile(name).attributes
    found = [(attributes[key].default, attributes[key].min, attributes[key].max) for key in NAMES]
    assert found == list(EXPECTED[name])


def test_what_makes_each_of_them_special() -> None:
    assert load_profile("st2059-2").attributes["dscp_event"].default == 46
    assert load_profile("rfc9760").delay_requests == ("unicast", "multicast")
    assert load_profile("ocp-dc").attributes["priority1"].max == 128
    assert load_profile("c37-238-2011").vlan[0] == "tagged"
    assert load_profile("g8275-1").vlan == ("untagged",)


@pytest.mark.parametrize("name", ["aes67", "ocp-dc"])
def test_a_profile_that_was_not_read_in_its_standard_marks_its_intervals(name: str) -> None:
    profile = load_profile(name)
    assert all(profile.is_unverified(key, "default") for key in NAMES)


@pytest.mark.parametrize(("name", "domains", "pdelay"), [("milan", (0, 0), 0), ("iec-60802", (0, 127), -3)])
def test_profiles_of_gptp_that_are_data_only_change_what_they_name_and_mark_all(
    name: str, domains: tuple[int, int], pdelay: int
) -> None:
    profile, base = load_profile(name), load_profile("gptp")
    attributes = profile.attributes
    assert (attributes["domain_number"].min, attributes["domain_number"].max) == domains
    assert attributes["log_min_pdelay_req_interval"].default == pdelay
    assert (profile.sdo_id, profile.bmca) == (base.sdo_id, base.bmca)
    changed = {key for key in base.attributes if attributes[key] != base.attributes[key]}
    assert changed <= {"domain_number", "log_min_pdelay_req_interval"}
    assert all(profile.is_unverified(key, "default") and profile.is_unverified(key, "range") for key in attributes)


def test_a_tolerance_of_intervals_is_told() -> None:
    assert load_profile("milan").interval_tolerance_percent == (-10, 50)
    assert load_profile("milan").is_unverified("interval_tolerance_percent", "default")
