"""What every test may count on: where CI can install what a test needs, a skip is a failure.

And where several run at once (`python3 -m lab test`), what takes longest begins first.
"""

import os
from collections.abc import Generator

import hypothesis
import pytest

hypothesis.settings.register_profile(
    "machine of any speed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("machine of any speed")

ALLOWED_SKIPS = (
    "no /dev/ptp",  # a clock in hardware cannot be installed
    "no /dev/kvm",
    "this kernel has no ",  # nor can another kernel
)
"""How the reason of a skip may begin that CI can do nothing about."""


LONGEST = ("vm", "interop", "lab", "daemon")
"""Folders whose tests wait for machines and daemons."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> int:
        folders = item.path.relative_to(config.rootpath / "tests").parts
        return next((place for place, name in enumerate(LONGEST) if name in folders), len(LONGEST))

    items.sort(key=rank)


def _forbid_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not report.skipped or hasattr(report, "wasxfail") or os.environ.get("CI") != "true":
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    reason = reason.removeprefix("Skipped: ")
    if not reason.startswith(ALLOWED_SKIPS):
        report.outcome = "failed"
        report.longrepr = f"skipped where everything can be installed: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _forbid_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _forbid_skip(report)
    return report
