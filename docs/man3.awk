# SPDX-License-Identifier: MIT
# Copyright The npu authors
#
# Manual pages (section 3) from a library's public header:
#
#	awk -v library=libnpu -v version=0.1.0 -v folder=FOLDER -f docs/man3.awk npu.h
#
# The comment at the head becomes the page LIBRARY, each "---- Title ----" a
# page LIBRARY-TITLE with the declarations below it and their comments, and each
# function a page that is its title's. With -v lint=1 nothing is written; the
# functions without a comment are printed, but for _ref and _unref, which the
# head describes.

BEGIN { page = library }

/^\/\* ---- / {
	finish()
	title = $0
	gsub(/^\/\* -+ *| *-* *\*\/$/, "", title)
	page = library "-" slug(title)
	next
}

# A comment of its own, not one behind code.
/^\/\*/ { finish(); in_comment = 1; comment = "" }
in_comment {
	line = $0
	if (line ~ /\*\//)
		in_comment = 0
	sub(/[ \t]*\*\/.*$/, "", line)
	sub(/^\/\*[ \t]?/, "", line)
	sub(/^ \* ?/, "", line)	# a tab behind the star stays: an indent
	if (line !~ /^SPDX-|^Copyright /)
		comment = comment line "\n"
	next
}

/^$/ { if (!depth) finish(); else code = code "\n"; next }
/^(#if|#endif|#else|#pragma|#include|extern|}$)/ { next }
/^#define NPUC?_(H|API)( |$)/ { next }
{
	line = $0
	sub(/^NPUC_API /, "", line)
	code = code line "\n"
	depth += gsub(/{/, "{", line) - gsub(/}/, "}", line)
}

END { finish(); if (!lint) write_pages() }

function slug(text) {
	sub(/:.*/, "", text)
	text = tolower(text)
	gsub(/[^a-z0-9]+/, "-", text)
	return text
}

# The comment and the code that have been gathered are one item.
function finish(	n) {
	if (comment ~ /^\n*$/ && code == "") {
		comment = ""
		return
	}
	if (!(page in item_count)) {
		pages[++page_count] = page
		titles[page] = title
		item_count[page] = 0
	}
	n = ++item_count[page]
	comments[page, n] = comment
	codes[page, n] = code
	names[page, n] = functions(code)
	if (lint && comment ~ /^\n*$/)
		complain(names[page, n])
	comment = code = ""
}

function complain(list,	i, n, words) {
	n = split(list, words, " ")
	for (i = 1; i <= n; i++)
		if (words[i] !~ /_(un)?ref$/)
			print words[i]
}

# The functions that the code declares; not what has braces.
function functions(text,	i, n, lines, list, depth) {
	n = split(text, lines, "\n")
	for (i = 1; i <= n; i++) {
		depth += gsub(/{/, "{", lines[i]) - gsub(/}/, "}", lines[i])
		if (depth || lines[i] ~ /^([ \t]|}|#)/)
			continue
		if (match(lines[i], /npuc?_[a-z0-9_]+\(/))
			list = list " " substr(lines[i], RSTART, RLENGTH - 1)
	}
	return substr(list, 2)
}

function escape(text) {
	gsub(/\\/, "\\e", text)
	gsub(/-/, "\\-", text)
	if (text ~ /^[.']/)
		text = "\\&" text
	return text
}

function block(file, text,	i, n, lines) {
	print ".PP\n.nf\n.RS 4" >file
	n = split(text, lines, "\n")
	for (i = 1; i < n; i++) {
		gsub(/\t/, "        ", lines[i])
		print escape(lines[i]) >file
	}
	print ".RE\n.fi" >file
}

# Paragraphs; "@name: text" is a parameter, an indented line is as it stands.
function prose(file, text,	i, n, lines, fixed, was_fixed, open) {
	# The heading has the names already.
	if (sub(/^\n*(npuc?_[a-z0-9_]+\(\)(, )?)+ -[ \n]/, "", text))
		if (text !~ /^npu/)
			text = toupper(substr(text, 1, 1)) substr(text, 2)
	n = split(text, lines, "\n")
	open = 0
	for (i = 1; i <= n; i++) {
		fixed = lines[i] ~ /^( +|\t)/ && !open
		if (lines[i] == "") {
			open = 0
			if (i < n)
				print ".PP" >file
		} else if (lines[i] ~ /^@[a-z_]+:/) {
			print ".TP\n.I " substr(lines[i], 2, index(lines[i], ":") - 2) >file
			sub(/^@[a-z_]+:[ \t]*/, "", lines[i])
			print escape(lines[i]) >file
			open = 1
		} else if (fixed) {
			gsub(/\t/, "    ", lines[i])
			print ".br\n\\&" escape(lines[i]) >file
		} else {
			sub(/^[ \t]+/, "", lines[i])
			if (was_fixed || lines[i] ~ /^(Errors|Returns)/)
				print ".br" >file
			print escape(lines[i]) >file
		}
		was_fixed = fixed
	}
}

function write_pages(	p, i, n, name, file, list, all, words, lines) {
	for (p = 1; p <= page_count; p++) {
		name = pages[p]
		file = folder "/" name ".3"
		list = ""
		for (i = 1; i <= item_count[name]; i++)
			if (names[name, i] != "")
				list = list " " names[name, i]
		gsub(/ +/, ", ", list)
		print ".\\\" Made from " header " by docs/man3.awk" >file
		print ".TH " toupper(name) " 3 \"\" \"npu " version "\" \"" library "\"" >file
		print ".SH NAME" >file
		print (list == "" ? name : name list) " \\- " \
			escape(titles[name] == "" ? "the library " library : tolower(substr(titles[name], 1, 1)) substr(titles[name], 2)) >file
		print ".SH SYNOPSIS\n.nf\n.B #include <" header ">" >file
		for (i = 1; i <= item_count[name]; i++) {
			if (names[name, i] == "")
				continue
			print ".PP" >file
			n = split(codes[name, i], lines, "\n")
			for (all = 1; all < n; all++) {
				gsub(/\t/, "        ", lines[all])
				print escape(lines[all]) >file
			}
		}
		print ".fi\n.PP\nLink with \\fIpkg\\-config \\-\\-cflags \\-\\-libs " escape(library) "\\fR." >file
		print ".SH DESCRIPTION" >file
		for (i = 1; i <= item_count[name]; i++) {
			if (names[name, i] != "")
				print ".SS " names[name, i] >file
			else if (codes[name, i] != "")
				print ".SS " subject(codes[name, i]) >file
			prose(file, comments[name, i])
			if (names[name, i] == "" && codes[name, i] != "")
				block(file, codes[name, i])
			n = split(names[name, i], words, " ")
			for (all = 1; all <= n; all++) {
				print ".so man3/" name ".3" >(folder "/" words[all] ".3")
				close(folder "/" words[all] ".3")
			}
		}
		if (name != library)
			print ".SH SEE ALSO\n.BR " escape(library) " (3)" >file
		close(file)
	}
}

# What a block without functions is about: its struct, or "Constants".
function subject(text) {
	if (match(text, /struct npuc?_[a-z0-9_]+ {/))
		return substr(text, RSTART, RLENGTH - 2)
	return text ~ /^struct/ ? "Types" : "Constants"
}
