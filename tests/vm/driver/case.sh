# SPDX-License-Identifier: MIT
# Copyright The npu authors
# shellcheck shell=bash
#
# What the cases of the driver's life share. A case sources this in its guest,
# behind tests/tap.sh, and runs as root in the folder of the sources.

# shellcheck disable=SC2034 # for the cases
first=0000:01:00.0 second=0000:02:00.0
pci=/sys/bus/pci/devices driver=/sys/bus/pci/drivers/npu
log=$OUT/log

check() {	# NAME COMMAND...: the command's status is the verdict
	local name=$1 status
	shift
	"$@" >"$log" 2>&1
	status=$?
	verdict $status "$name" <(echo "$*: status $status"; cat "$log"; dmesg | tail -n 40)
}

refused() {	# COMMAND...: fails
	! "$@"
}

now_ms() {
	local seconds _
	read -r seconds _ </proc/uptime
	echo $((10#${seconds/./} * 10))
}

# within SECONDS COMMAND...: tries again and again until it is true
within() {
	local end=$(($(now_ms) + $1 * 1000))
	shift
	until "$@"; do
		[ "$(now_ms)" -lt $end ] || return 1
		sleep 0.1
	done
}

unbind() { echo "$1" >$driver/unbind; }
bind() { echo "$1" >$driver/bind; }
state_is() { [ "$(cat "$pci/${2:-$first}/state" 2>/dev/null)" = "$1" ]; }

node() {	# CARD: N of its /dev/accel/accelN
	local path
	for path in "$pci/$1"/accel/accel*; do echo "${path##*/accel}"; done
}

# Messages of the kernel from here on; of one card where it is named.
mark() {
	marked=${marked:-0}
	marked=$((marked + 1))
	echo "<6>npu-vm: mark $marked" >/dev/kmsg
}
said() {	# TEXT [CARD]: how many messages since the mark have it
	dmesg | sed "1,/npu-vm: mark $marked\$/d" | grep "npu ${2:-}" | grep -c -- "$1"
}
said_once() { [ "$(said "$@")" -eq 1 ]; }
said_nothing() { [ "$(said "" "$1")" -eq 0 ]; }

exact() {	# CARD [OPTION...]: int8 results are those of the reference, bit by bit
	local card=$1
	shift
	timeout 60 npu-run -d "$card" -i tests/models/digits-images.npy --rtol 0 --atol 0 "$@" \
		-e tests/models/digits-int8-reference.npy "$O/models/digits-int8.npu"
}

# Another card works meanwhile: exact runs, now and then.
neighbour_start() {	# CARD
	rm -f "$OUT/neighbour.stop"
	(
		while [ ! -e "$OUT/neighbour.stop" ]; do
			exact "$1" >"$OUT/neighbour" 2>&1 || exit
			echo >>"$OUT/neighbour.runs"
			sleep 0.5
		done
	) &
	neighbour=$!
	: >"$OUT/neighbour.runs"
}
neighbour_ends() {	# NAME
	local runs
	: >"$OUT/neighbour.stop"
	wait "$neighbour"
	local status=$?
	runs=$(wc -l <"$OUT/neighbour.runs")
	[ $status -eq 0 ] && [ "$runs" -gt 0 ]
	verdict $? "$1" <(echo "status $status after $runs runs"; cat "$OUT/neighbour")
}

# A process with jobs in flight (tests/vm/driver/victim.c).
victim_start() {	# CARD
	"$O/tests/vm/victim" "$(node "$1")" >"$OUT/victim" 2>&1 &
	victim=$!
	within 20 grep -q '^ready' "$OUT/victim" || cat "$OUT/victim"
	# Both threads wait in the kernel.
	sleep 0.2
}
# Both of its jobs ended with ENODEV within 5 s after START (ms).
victim_lost() {	# START
	local what error when bad=0
	within 20 grep -q '^busy' "$OUT/victim" || return
	while read -r what error when; do
		case $what in stuck|busy)
			echo "$what: $error after $((when - $1)) ms"
			[ "$error" = ENODEV ] && [ $((when - $1)) -le 5000 ] || bad=1
		esac
	done <"$OUT/victim"
	return $bad
}
# Lets it look at what it has left; then it ends.
victim_ends() {
	kill -USR1 "$victim"
	wait "$victim"
}
victim_says() { grep -qxE "$1" "$OUT/victim"; }
