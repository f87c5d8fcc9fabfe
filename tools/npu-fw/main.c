// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* npu-fw: packs, signs and checks firmware images. */
#include "npu-fw.h"

#include <stdio.h>
#include <string.h>

#include <sodium.h>

static const char usage[] =
	"Usage: npu-fw COMMAND [OPTION...]\n"
	"Packs, signs and checks firmware images of npu cards.\n"
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

static int run(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
	} commands[] = {
		{"keygen", cmd_keygen}, {"pack", cmd_pack},	  {"sign", cmd_sign},
		{"verify", cmd_verify}, {"inspect", cmd_inspect},
	};

	if (argc < 2)
		return usage_error("a command is missing");
	if (!strcmp(argv[1], "help") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		fputs(usage, stdout);
		return EXIT_GOOD;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		puts("npu-fw " NPU_VERSION);
		return EXIT_GOOD;
	}
	if (sodium_init() < 0)
		return fail("libsodium does not start");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	}
	return usage_error("there is no command '%s'", argv[1]);
}

int main(int argc, char **argv)
{
	program_start("npu-fw");
	return program_end(run(argc, argv));
}
