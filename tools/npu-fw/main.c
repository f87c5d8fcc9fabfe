// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* npu-fw: packs, signs and checks firmware images. */
#include "npu-fw.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

static const char usage[] =
	"Usage: npu-fw COMMAND [OPTION...]\n"
	"Packs, signs and checks firmware images (docs/firmware.md).\n"
	"\n"
	"  keygen NAME                make NAME.key (secret) and NAME.pub\n"
	"  pack [OPTION...] ELF       make an image from an RV32 executable\n"
	"      -o, --output FILE        where to (required)\n"
	"      -k, --key FILE           sign with this secret key; without: unsigned\n"
	"      --version A.B.C          firmware version [0.0.0]\n"
	"      --security-version N     least-version counter against rollback [0]\n"
	"      --build-id TEXT          at most 19 characters\n"
	"      --family N               hardware family [0x4e50]\n"
	"      --revisions MIN-MAX      hardware revisions [0-65535]\n"
	"      --abi MIN-MAX            card ABIs as major.minor [1.0-1.0]\n"
	"  sign -k KEY -o FILE IMAGE  replace an image's signature\n"
	"  verify -k PUB IMAGE        check an image as the boot ROM does\n"
	"  inspect [--json] IMAGE     print the header\n"
	"  help, --version\n"
	"\n"
	"Exit status: 0 good, 1 refused or failed, 2 wrong usage.\n";

int fail(const char *format, ...)
{
	va_list args;

	fputs("npu-fw: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return 1;
}

int usage_error(const char *command, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "npu-fw %s: ", command);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputs("\nTry 'npu-fw help'.\n", stderr);
	return 2;
}

bool version_parse(const char *text, uint32_t *version)
{
	unsigned int major, minor, patch;
	char rest;

	if (sscanf(text, "%u.%u.%u%c", &major, &minor, &patch, &rest) != 3 || major > 255 ||
	    minor > 255 || patch > 65535)
		return false;
	*version = major << 24 | minor << 16 | patch;
	return true;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
	} commands[] = {
		{ "keygen", cmd_keygen }, { "pack", cmd_pack }, { "sign", cmd_sign },
		{ "verify", cmd_verify }, { "inspect", cmd_inspect },
	};

	if (argc < 2) {
		fputs(usage, stderr);
		return 2;
	}
	if (sodium_init() < 0)
		return fail("libsodium does not start");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	}
	if (!strcmp(argv[1], "help") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		fputs(usage, stdout);
		return 0;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		puts("npu-fw " NPU_VERSION);
		return 0;
	}
	return usage_error(argv[1], "no such command");
}
