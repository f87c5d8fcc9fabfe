// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/* npu-sim: the inference card as a process that speaks vfio-user. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <sodium.h>

#include <abi/npu_regs.h>

#include "card.h"
#include "control.h"
#include "dma_map.h"
#include "irq.h"
#include "listener.h"
#include "log.h"
#include "pci_function.h"
#include "vfio_user.h"

#define PEOPLE	4	/* connections to the control socket at a time */

static const char usage[] =
	"Usage: npu-sim --socket PATH [OPTION...]\n"
	"The inference card as a process: a PCIe device for QEMU over vfio-user.\n"
	"\n"
	"  -s, --socket PATH        listen for a VMM here (created, removed at the end)\n"
	"  -m, --memory SIZE        device memory, a power of two, 1M ... 1T [1G]\n"
	"  -n, --serial NUMBER      serial number, decides the card's UUID [1]\n"
	"  -d, --state DIR          keep the security version here across runs\n"
	"  -k, --key FILE           trust this public key instead of the development key\n"
	"  -c, --control PATH       control socket: status, fault, ecc, help\n"
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
	"Ends on SIGINT, SIGTERM or SIGHUP with status 0; 1 after an error, 2 for wrong\n"
	"usage. The engines compute on one core; OPENBLAS_NUM_THREADS gives them more.\n";

struct options {
	const char *socket;
	const char *control;
	const char *log_file;
	enum log_level log_level;
	struct card_config card;
};

static bool parse_size(const char *text, uint64_t *size)
{
	static const char units[] = "KMGT";
	unsigned long long value;
	unsigned int shift = 0;
	const char *unit;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno || end == text || text[0] == '-')
		return false;
	unit = *end ? strchr(units, *end) : NULL;
	if (unit) {
		shift = 10 * (unsigned int)(unit - units + 1);
		end++;
	}
	/* A BAR's size is a power of two. */
	if (*end || value > (1ull << 40) >> shift || value & (value - 1))
		return false;
	*size = value << shift;
	return *size >= 1 << 20;
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

/* What was asked for and did not arrive is an error. */
static void printed(void)
{
	if (fclose(stdout)) {
		fprintf(stderr, "npu-sim: standard output: %s\n", strerror(errno));
		exit(1);
	}
	exit(0);
}

/* Descriptors 0 to 2 exist, or the next file that is opened would be one of them. */
static void standard_descriptors(void)
{
	for (int fd = 0; fd < 3; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd ? O_RDONLY : O_WRONLY) != fd)
			exit(1);
	}
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
			printed();
			break;
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

enum { POLL_SIGNAL, POLL_LISTEN, POLL_CONTROL, POLL_CLIENT, POLL_PEOPLE };

struct service {
	int signals;
	struct listener listener, control;
	int people[PEOPLE];	/* -1: free */
	struct vfio_user *server;
	struct card *card;
};

static int free_place(const struct service *s)
{
	for (int i = 0; i < PEOPLE; i++) {
		if (s->people[i] < 0)
			return i;
	}
	return -1;
}

static void serve_people(struct service *s, const struct pollfd *polls)
{
	for (int i = 0; i < PEOPLE; i++) {
		if (polls[POLL_PEOPLE + i].revents && control_serve(s->card, s->people[i])) {
			close(s->people[i]);
			s->people[i] = -1;
		}
	}
	if (polls[POLL_CONTROL].revents)
		s->people[free_place(s)] = listener_accept(&s->control);
}

static void serve(struct service *s)
{
	for (;;) {
		struct pollfd polls[POLL_PEOPLE + PEOPLE] = {
			[POLL_SIGNAL] = { s->signals, POLLIN, 0 },
			[POLL_LISTEN] = { s->listener.fd, POLLIN, 0 },
			/* Who finds no place waits in the socket's backlog. */
			[POLL_CONTROL] = { free_place(s) < 0 ? -1 : s->control.fd, POLLIN, 0 },
			[POLL_CLIENT] = { vfio_user_fd(s->server), vfio_user_events(s->server), 0 },
		};

		for (int i = 0; i < PEOPLE; i++)
			polls[POLL_PEOPLE + i] = (struct pollfd){ s->people[i], POLLIN, 0 };
		if (poll(polls, POLL_PEOPLE + PEOPLE, -1) < 0)
			continue;
		if (polls[POLL_SIGNAL].revents)
			break;
		if (polls[POLL_CLIENT].revents)
			vfio_user_serve(s->server);
		if (polls[POLL_LISTEN].revents) {
			const int fd = listener_accept(&s->listener);

			if (fd >= 0)
				vfio_user_attach(s->server, fd);
		}
		serve_people(s, polls);
	}
	for (int i = 0; i < PEOPLE; i++) {
		if (s->people[i] >= 0)
			close(s->people[i]);
	}
}

static int signalled = -1;	/* an eventfd: somebody wants us to end */

static void on_signal(int number)
{
	const int error = errno;
	const uint64_t one = 1;
	ssize_t written = write(signalled, &one, sizeof(one));

	(void)written;
	errno = error;
}

/*
 * A handler, not signalfd: the libraries have threads of their own, started
 * before main(), which block no signal.
 */
static int signals(void)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	signalled = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (signalled < 0)
		return -1;
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaction(numbers[i], &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalled;
}

int main(int argc, char **argv)
{
	struct options o = {
		.log_level = LOG_LEVEL_WARN,
		.card = { .memory_size = 1ull << 30, .serial = 1 },
	};
	struct service s = { .listener.fd = -1, .control.fd = -1 };
	struct dma_map *dma = NULL;
	struct irq_set *irqs = NULL;
	struct pci_function *function = NULL;
	int ret, status = 1;

	standard_descriptors();
	parse_options(argc, argv, &o);
	memset(s.people, 0xff, sizeof(s.people));
	ret = log_init(o.log_level, o.log_file);
	if (ret) {
		fprintf(stderr, "npu-sim: log file %s: %s\n", o.log_file, strerror(-ret));
		return 1;
	}
	s.signals = signals();
	if (sodium_init() < 0 || s.signals < 0) {
		log_error("cannot start: %s", strerror(errno));
		return 1;
	}
	/* Before the card is made: who sees the sockets can connect, and waits. */
	if ((o.control && listener_open(&s.control, o.control)) || listener_open(&s.listener, o.socket))
		goto out;
	dma = dma_map_create();
	irqs = irq_set_create(NPU_MSIX_VECTORS);
	if (dma && irqs)
		s.card = card_create(&o.card, dma, irqs);
	if (s.card)
		function = pci_function_create(s.card, o.card.memory_size, o.card.serial);
	if (function)
		s.server = vfio_user_create(function, dma, irqs);
	if (!s.server)
		goto out;
	log_info("card %llu with %llu MiB listens at %s", (unsigned long long)o.card.serial,
		 (unsigned long long)(o.card.memory_size >> 20), o.socket);
	serve(&s);
	log_info("ended by a signal");
	status = 0;
out:
	listener_close(&s.listener);
	listener_close(&s.control);
	vfio_user_destroy(s.server);
	if (function)
		pci_function_destroy(function);
	card_destroy(s.card);
	if (dma)
		dma_map_destroy(dma);
	if (irqs)
		irq_set_destroy(irqs);
	return status;
}
