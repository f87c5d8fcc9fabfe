// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/* npu-sim: the inference card as a process that speaks vfio-user. */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <sodium.h>

#include <abi/npu_regs.h>

#include "card.h"
#include "control.h"
#include "dma_map.h"
#include "irq.h"
#include "log.h"
#include "pci_function.h"
#include "vfio_user.h"

static const char usage[] =
	"Usage: npu-sim --socket PATH [OPTION...]\n"
	"The inference card as a process: a PCIe device for QEMU over vfio-user.\n"
	"\n"
	"  -s, --socket PATH        listen for a VMM here (created, removed on exit)\n"
	"  -m, --memory SIZE        device memory, a power of two, 1M ... 1T [1G]\n"
	"  -n, --serial NUMBER      serial number, decides the card's UUID [1]\n"
	"  -d, --state DIR          keep the security version here across runs\n"
	"  -k, --key FILE           trust this public key instead of the development key\n"
	"  -c, --control PATH       control socket: status, fault NAME on|off\n"
	"      --debug-registers    let the driver inject faults (never for production)\n"
	"  -l, --log-level LEVEL    error, warn, info or debug [warn]\n"
	"  -f, --log-file FILE      append messages here instead of stderr\n"
	"  -h, --help               this text\n"
	"  -V, --version            version\n"
	"\n"
	"QEMU 10.1 or newer, with its memory shared:\n"
	"  qemu-system-x86_64 ... -object memory-backend-memfd,id=m,size=2G,share=on \\\n"
	"    -machine q35,memory-backend=m \\\n"
	"    -device '{\"driver\":\"vfio-user-pci\",\"socket\":{\"type\":\"unix\",\"path\":\"PATH\"}}'\n"
	"\n"
	"Ends on SIGINT or SIGTERM with status 0; 1 after an error, 2 for wrong usage.\n";

struct options {
	const char *socket;
	const char *control;
	const char *log_file;
	enum log_level log_level;
	struct card_config card;
};

static bool parse_size(const char *text, uint64_t *size)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno || end == text || text[0] == '-')
		return false;
	switch (*end) {
	case 'T':
		value <<= 10;
		/* fall through */
	case 'G':
		value <<= 10;
		/* fall through */
	case 'M':
		value <<= 10;
		/* fall through */
	case 'K':
		value <<= 10;
		end++;
		break;
	}
	*size = value;
	/* A BAR's size is a power of two. */
	return !*end && value >= 1 << 20 && value <= 1ull << 40 && !(value & (value - 1));
}

static bool parse_number(const char *text, uint64_t *number)
{
	char *end;

	errno = 0;
	*number = strtoull(text, &end, 0);
	return !errno && end != text && !*end && text[0] != '-';
}

static void wrong(const char *what, const char *value)
{
	fprintf(stderr, "npu-sim: %s '%s'\nTry 'npu-sim --help'.\n", what, value);
	exit(2);
}

static void parse_options(int argc, char **argv, struct options *o)
{
	static const struct option names[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "memory", required_argument, NULL, 'm' },
		{ "serial", required_argument, NULL, 'n' },
		{ "state", required_argument, NULL, 'd' },
		{ "key", required_argument, NULL, 'k' },
		{ "control", required_argument, NULL, 'c' },
		{ "debug-registers", no_argument, NULL, 'D' },
		{ "log-level", required_argument, NULL, 'l' },
		{ "log-file", required_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "s:m:n:d:k:c:l:f:hV", names, NULL)) != -1) {
		switch (c) {
		case 's':
			o->socket = optarg;
			break;
		case 'm':
			if (!parse_size(optarg, &o->card.memory_size))
				wrong("not a power of two from 1M to 1T:", optarg);
			break;
		case 'n':
			if (!parse_number(optarg, &o->card.serial))
				wrong("not a number:", optarg);
			break;
		case 'd':
			o->card.state_dir = optarg;
			break;
		case 'k':
			o->card.key_file = optarg;
			break;
		case 'c':
			o->control = optarg;
			break;
		case 'D':
			o->card.debug_registers = true;
			break;
		case 'l':
			if (!log_level_parse(optarg, &o->log_level))
				wrong("log level is error, warn, info or debug, not", optarg);
			break;
		case 'f':
			o->log_file = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		case 'V':
			printf("npu-sim %s, card ABI %d.%d\n", NPU_VERSION, NPU_ABI_MAJOR, NPU_ABI_MINOR);
			exit(0);
		default:
			fputs("Try 'npu-sim --help'.\n", stderr);
			exit(2);
		}
	}
	if (optind < argc)
		wrong("unexpected argument", argv[optind]);
	if (!o->socket) {
		fputs("npu-sim: --socket is missing\nTry 'npu-sim --help'.\n", stderr);
		exit(2);
	}
}

/* A socket that nobody listens on any more is left over from a run that was killed. */
static bool stale(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool refused;

	if (fd < 0)
		return false;
	refused = connect(fd, (const struct sockaddr *)address, sizeof(*address)) && errno == ECONNREFUSED;
	close(fd);
	return refused;
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(address.sun_path)) {
		log_error("%s: a socket's path has at most %zu characters", path,
			  sizeof(address.sun_path) - 1);
		return -1;
	}
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (stale(&address))
		unlink(path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 8)) {
		log_error("%s: %s", path, errno == EADDRINUSE ? "in use by another process" :
								strerror(errno));
		close(fd);
		return -1;
	}
	return fd;
}

enum { POLL_SIGNAL, POLL_LISTEN, POLL_CONTROL, POLL_CLIENT, POLL_PERSON, POLL_COUNT };

static void serve(const int fds[POLL_CLIENT], struct vfio_user *server, struct card *card)
{
	int person = -1;

	for (;;) {
		struct pollfd polls[POLL_COUNT] = {
			{ fds[POLL_SIGNAL], POLLIN, 0 }, { fds[POLL_LISTEN], POLLIN, 0 },
			{ person < 0 ? fds[POLL_CONTROL] : -1, POLLIN, 0 },
			{ vfio_user_fd(server), vfio_user_events(server), 0 }, { person, POLLIN, 0 },
		};

		if (poll(polls, POLL_COUNT, -1) < 0)
			continue;
		if (polls[POLL_SIGNAL].revents)
			break;
		if (polls[POLL_CLIENT].revents)
			vfio_user_serve(server);
		if (polls[POLL_LISTEN].revents) {
			int fd = accept4(fds[POLL_LISTEN], NULL, NULL, SOCK_CLOEXEC);

			if (fd >= 0)
				vfio_user_attach(server, fd);
		}
		if (polls[POLL_PERSON].revents && control_serve(card, person)) {
			close(person);
			person = -1;
		}
		if (polls[POLL_CONTROL].revents)
			person = accept4(fds[POLL_CONTROL], NULL, NULL, SOCK_CLOEXEC);
	}
	if (person >= 0)
		close(person);
}

static int signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

int main(int argc, char **argv)
{
	struct options o = {
		.log_level = LOG_LEVEL_WARN,
		.card = { .memory_size = 1ull << 30, .serial = 1 },
	};
	struct dma_map *dma = NULL;
	struct irq_set *irqs = NULL;
	struct card *card = NULL;
	struct pci_function *function = NULL;
	struct vfio_user *server = NULL;
	int fds[POLL_CLIENT] = { -1, -1, -1 };
	int ret, status = 1;

	parse_options(argc, argv, &o);
	ret = log_init(o.log_level, o.log_file);
	if (ret) {
		fprintf(stderr, "npu-sim: %s: %s\n", o.log_file, strerror(-ret));
		return 1;
	}
	/* Before any thread starts, so that all of them inherit the mask. */
	fds[POLL_SIGNAL] = signals();
	if (sodium_init() < 0 || fds[POLL_SIGNAL] < 0) {
		log_error("cannot start: %s", strerror(errno));
		return 1;
	}
	dma = dma_map_create();
	irqs = irq_set_create(NPU_MSIX_VECTORS);
	if (dma && irqs)
		card = card_create(&o.card, dma, irqs);
	if (card)
		function = pci_function_create(card, o.card.memory_size, o.card.serial);
	if (function)
		server = vfio_user_create(function, dma, irqs);
	if (!server)
		goto out;
	fds[POLL_LISTEN] = listen_at(o.socket);
	if (fds[POLL_LISTEN] < 0)
		goto out;
	if (o.control) {
		fds[POLL_CONTROL] = listen_at(o.control);
		if (fds[POLL_CONTROL] < 0)
			goto out;
	}
	log_info("card %llu with %llu MiB listens at %s", (unsigned long long)o.card.serial,
		 (unsigned long long)(o.card.memory_size >> 20), o.socket);
	serve(fds, server, card);
	log_info("ended by a signal");
	status = 0;
out:
	if (fds[POLL_LISTEN] >= 0)
		unlink(o.socket);
	if (fds[POLL_CONTROL] >= 0)
		unlink(o.control);
	vfio_user_destroy(server);
	if (function)
		pci_function_destroy(function);
	card_destroy(card);
	if (dma)
		dma_map_destroy(dma);
	if (irqs)
		irq_set_destroy(irqs);
	return status;
}
