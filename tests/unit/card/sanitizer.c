// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/* What the sanitizers need to know of the libraries under the card. */
const char *__lsan_default_suppressions(void) __attribute__((visibility("default")));

/* Unicorn forgets some blocks of its own when it is closed. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libunicorn";
}
