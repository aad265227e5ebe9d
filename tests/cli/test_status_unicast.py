"""What `ptpstack status` says of unicast masters that do not serve."""

from ptpstack.cli.status_unicast import lacking_lines
from ptpstack.observe.unicast_status import unicast_status
from tests.core.unicast_bench import ANNOUNCE, FIRST, SECOND_MASTER, ClientBench


def test_the_status_says_what_a_master_does_not_grant_why_and_when_it_is_asked_again() -> None:
    bench = ClientBench()
    bench.grant(SECOND_MASTER, ANNOUNCE, duration_s=0)
    bench.run(8)
    masters = unicast_status(bench.negotiation(), bench.now)["masters"]
    bench.grant(SECOND_MASTER, ANNOUNCE, duration_s=0)
    later = unicast_status(bench.negotiation(), bench.now)["masters"]
    lines = [*lacking_lines({"ports": [{"unicast": {"masters": [masters[0], later[1]]}}]})]
    assert [line.partition("; asked again in ")[0].strip() for line in lines] == [
        f"port 1: no Announce of {FIRST}: no answer to {masters[0]['contracts']['ANNOUNCE']['unanswered']} requests",
        f"port 1: no Announce of {SECOND_MASTER}: the master refuses",
    ]
    bench.grant(FIRST, ANNOUNCE)
    bench.grant(SECOND_MASTER, ANNOUNCE)
    granted = unicast_status(bench.negotiation(), bench.now)["masters"]
    assert not [*lacking_lines({"ports": [{"unicast": {"masters": granted}}]})]
