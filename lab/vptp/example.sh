#!/bin/bash
# One ptp4l follows another on the virtual card; every 5 s the truth says how far apart their clocks are.
# For a virtual machine with the module loaded (ports=2): it steers the card's clocks, and moves its interfaces.
set -e
knobs=/sys/kernel/debug/vptp

offset_ns() { # clock1 minus clock0 at one instant; the file's other fields: README.md
	awk '/^clock/ { print $2 }' $knobs/truth | { read -r first && read -r second && echo $((second - first)); }
}

echo 20000 >$knobs/clock1/error_ppb    # its oscillator is 20 ppm too fast
echo 20 >$knobs/port0/stamp_jitter_ns  # and every stamp is off by up to 20 ns
echo 20 >$knobs/port1/stamp_jitter_ns

for number in 0 1; do
	ip netns add "node$number"
	ip link set "vptp$number" netns "node$number"
	ip -n "node$number" link set lo up
	ip -n "node$number" link set "vptp$number" up
done
ip netns exec node0 ethtool -T vptp0

options='-2 -m -q --logSyncInterval -3 --logMinDelayReqInterval -3 --logAnnounceInterval 0 --summary_interval 4'
# shellcheck disable=SC2086 # several options
ip netns exec node0 ptp4l -i vptp0 $options --uds_address /run/node0 --priority1 100 >/run/node0.log &
# shellcheck disable=SC2086
ip netns exec node1 ptp4l -i vptp1 $options --uds_address /run/node1 -s >/run/node1.log &

for second in $(seq 0 5 60); do
	echo "after $second s: $(offset_ns) ns"
	sleep 5
done
kill %1 %2
wait
cat /run/node1.log
ip netns del node0 # the interfaces come back by themselves
ip netns del node1
