# SPDX-License-Identifier: MIT
# Copyright The npu authors
#
# Prints "TYPE -" for each struct of the given headers and "TYPE MEMBER" for
# each of its members.

/^struct [a-z0-9_]+ \{/ { type = $2; print type, "-"; next }
/^\};/ { type = "" }
type != "" {
	sub(/\/\*.*/, "")
	if ($0 !~ /;/)
		next
	sub(/;.*/, "")
	sub(/\[.*/, "")
	if (NF >= 2)
		print type, $NF
}
