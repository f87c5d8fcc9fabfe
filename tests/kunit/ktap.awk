# SPDX-License-Identifier: MIT
# Copyright The npu authors
#
# Turns what KUnit leaves in debugfs (KTAP, one file for each suite) into TAP
# lines, one for each case; a case with parameters counts as that many. A
# suite that did not get to its end is a failure of its own.

function flush_notes(	i) {
	for (i = 0; i < notes; i++)
		print "# " note[i]
	notes = 0
}

# LINE without "ok N " and what KUnit puts behind a name.
function name_of(line) {
	sub(/^(not )?ok [0-9]+ (- )?/, "", line)
	return line
}

function say(status, name) {
	if (status == "not ok")
		flush_notes()
	notes = 0
	print status, "- " name
}

{
	match($0, /^ */)
	depth = RLENGTH / 4
	text = substr($0, RLENGTH + 1)
}

text ~ /^KTAP version/ { next }

text ~ /^# Subtest: / {
	if (depth == 1) {
		suite = substr(text, 12)
		seen[suite] = ended[suite] = cases = 0
	} else {
		parameters = 0
	}
	next
}

depth == 1 && text ~ /^1\.\.[0-9]+/ { planned = substr(text, 4) + 0; next }

text ~ /^(not )?ok [0-9]+/ {
	status = text ~ /^ok/ ? "ok" : "not ok"
	if (depth >= 2) {
		# Which case these belong to is said only behind them.
		result[parameters] = status
		what[parameters++] = name_of(text)
	} else if (depth == 1) {
		cases++
		case_name = suite ": " name_of(text)
		for (i = 0; i < parameters; i++)
			say(result[i], case_name ": " what[i])
		if (!parameters)
			say(status, case_name)
		parameters = 0
	} else {
		if (cases != planned)
			print "not ok - " suite ": " cases " of " planned " cases came to an end"
		print "# suite " suite ": " cases " cases"
	}
	next
}

# Totals say nothing that the results do not.
text ~ /^# [a-z0-9_]+: pass:[0-9]+ fail:/ || text ~ /^# Totals:/ || text ~ /^# module:/ { next }
text !~ /^$/ { note[notes++] = text }
