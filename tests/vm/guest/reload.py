"""The module comes and goes under its users, and the kernel has no complaint. The last checks of a boot."""

import os
import re
import subprocess

from hw.external_timestamps import ExternalTimestamps
from hw.periodic_output import start_periodic_output
from hw.pins import PinFunction, assign_pin, read_pins
from lab.vptp import read_truth, set_knob
from ptpstack.errors import HardwareError
from ptpstack.time import MILLISECOND
from tests.vm.guest.bed import PARAMETERS, clock, insert_card, run, wait_until


def check_a_clock_whose_module_was_reloaded_is_gone_and_a_new_one_is_there() -> None:
    with clock(0) as phc:
        run("rmmod", "vptp")
        try:
            phc.time()
        except HardwareError as error:
            gone = str(error)
        else:
            gone = ""
        insert_card(PARAMETERS)
        assert "the clock is gone" in gone, gone
        assert len(read_truth().clocks) == 3


def check_the_module_leaves_while_its_links_are_up_and_pulses_run() -> None:
    for _ in range(5):
        for interface in ("vptp0", "vptp1", "vptp2", "vptp3"):
            run("ip", "link", "set", interface, "up")
        set_knob("clock1/pps_from", 0)
        with clock(0) as source, clock(1) as sink, ExternalTimestamps(sink) as edges:
            assign_pin(source, read_pins(source)[0], PinFunction.PEROUT)
            assign_pin(sink, read_pins(sink)[0], PinFunction.EXTTS)
            edges.enable()
            start_periodic_output(source, period=MILLISECOND)
            wait_until(edges.read, 3)
            run("rmmod", "vptp")
        insert_card(PARAMETERS)


def check_impossible_parameters_are_refused() -> None:
    run("rmmod", "vptp")
    for parameters in ("ports=0", "ports=33", "ports=2 phc=0", "ports=2 segment=0,99"):
        command = ["insmod", os.environ["VPTP"], *parameters.split()]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert "Invalid parameters" in done.stderr, (parameters, done.stderr)
    insert_card(PARAMETERS)


def check_the_kernel_had_nothing_to_complain_about() -> None:
    log = run("dmesg")
    complaints = [line for line in log.splitlines() if re.search(r"WARNING:|BUG:|Oops|Call Trace|rcu.*stall", line)]
    assert not complaints, log[-5000:]
