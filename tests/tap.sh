# SPDX-License-Identifier: MIT
# Copyright The npu authors
# shellcheck shell=bash
#
# What the stages print: TAP (Test Anything Protocol). A stage sources this,
# says each verdict, and ends with tap_end.

n=0 bad=0
export LC_ALL=C.UTF-8

verdict() {	# STATUS NAME [LOG]
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n - $2"
	else
		bad=1
		echo "not ok $n - $2"
		[ -z "${3:-}" ] || tail -n 60 "$3" | sed 's/^/# /'
	fi
}

skipped() {	# NAME WHY
	n=$((n + 1))
	echo "ok $n - $1 # SKIP $2"
}

# The results of a program: its own TAP lines where it prints some, its exit
# status otherwise (0 passed, 77 skipped). A crash loses the tests behind it,
# which is a failure of its own.
fold() {	# NAME STATUS LOG
	local line text failed=0 results=0
	while IFS= read -r line; do
		case $line in
		"ok "*|"not ok "*)
			n=$((n + 1)) results=$((results + 1))
			text=${line#*"ok "}
			text=${text#"${text%%[!0-9]*}"}
			text=${text# } text=${text#- }
			if [ "${line%%ok *}" = "" ]; then
				echo "ok $n - $1: $text"
			else
				failed=1 bad=1
				echo "not ok $n - $1: $text"
			fi ;;
		*) echo "# $line" ;;
		esac
	done <"$3"
	if [ "$2" -eq 77 ] && [ $results -eq 0 ]; then
		skipped "$1" "$(tail -n 1 "$3")"
	elif [ "$2" -ne 0 ] && [ $failed -eq 0 ]; then
		verdict 1 "$1: ended with status $2"
	elif [ $results -eq 0 ]; then
		verdict 0 "$1"
	fi
}

tap_end() {
	echo "1..$n"
	exit $bad
}
