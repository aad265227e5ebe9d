# Second program of the guest, on the host's file system: prepares, runs the job, hands back its results.
# shellcheck shell=sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 RESULTS=/run/results
export FINISHED=/run/job/results # with the host at once, also if the guest never comes to its end
mkdir -p /dev/pts /dev/shm "$RESULTS"
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t debugfs debugfs /sys/kernel/debug
hostname ptplab
ip link set lo up
. /run/job/environment
cd "$CHECKOUT" || exit

code=0
for module in $DRIVERS; do modprobe -d "$MODULES_OF" "$module" || code=125; done
if [ -n "$VPTP" ]; then
	modprobe -q -d "$MODULES_OF" ptp # built into many kernels
	# shellcheck disable=SC2086 # several parameters
	insmod "$VPTP" $VPTP_PARAMETERS || code=125
fi

if [ "$code" -ne 0 ]; then
	echo 'guest: a module could not be loaded'
elif [ -e /run/job/script ]; then
	stty raw -echo # no carriage returns in the output
	cp /run/job/script /run/script # every later read is from memory
	chmod +x /run/script
	bash -c /run/script </dev/null # a script without #! is bash's own
	code=$?
	cp -r "$RESULTS/." /run/job/results/
else
	setsid -c bash -i
fi
echo "$code" >/run/job/exit_code
sync
echo b >/proc/sysrq-trigger
