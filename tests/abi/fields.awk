# SPDX-License-Identifier: MIT
# Copyright The npu authors
#
# Prints, as rows of C tables, what the rules of uapi/drm/npu_accel.h are about:
#
#	IOCTL(NAME, type)		each ioctl and its struct drm_npu_TYPE
#	MBZ(type, member)		members that must be zero
#	FLAGS(type, member, KNOWN)	members of flags, and the bits that exist
#
# A member's comment says which flags it takes ("DRM_NPU_BO_*"), or "mbz".

# Numbers of ioctls have the names that flags begin with.
/^#define DRM_IOCTL_NPU_[A-Z_]+\t/ {
	name = substr($2, 15)
	request[name] = 1
	print "IOCTL(" name ", " tolower(name) ")"
}
/^#define DRM_NPU_[A-Z0-9_]+\t+0x[0-9a-f]+/ { value[$2] = 1 }

# What queries give is output.
/^struct drm_npu_[a-z0-9_]+ \{/ { type = $2 ~ /^drm_npu_query_/ ? "" : substr($2, 9) }
/^\};/ { type = "" }
type != "" && /;/ {
	comment = ""
	if (match($0, /\/\*.*/))
		comment = substr($0, RSTART)
	member = $0
	sub(/;.*/, "", member)
	sub(/\[.*/, "", member)
	sub(/.*[ \t]/, "", member)
	if (member ~ /^mbz/ || comment ~ /^\/\* mbz/) {
		row[++rows] = "MBZ(" type ", " member ")"
	} else if (member == "flags" && comment !~ /^\/\* out/) {
		row[++rows] = "FLAGS"
		of[rows] = type
		prefix[rows] = match(comment, /DRM_NPU_[A-Z0-9_]+_\*/) ? substr(comment, RSTART, RLENGTH - 1) : "?"
	}
}

END {
	for (i = 1; i <= rows; i++) {
		if (row[i] != "FLAGS") {
			print row[i]
			continue
		}
		known = "0"
		for (name in value)
			if (index(name, prefix[i]) == 1 && !(substr(name, 9) in request))
				known = known " | " name
		print "FLAGS(" of[i] ", flags, " known ")"
	}
}
