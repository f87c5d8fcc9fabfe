// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/* npu-sim as a person and as a VMM meet it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/pci_regs.h>

#include <abi/npu_regs.h>

#include "../tools/command.h"
#include "vfio_proto.h"

#define PROGRAM BUILD "/bin/npu-sim"

static double seconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void nap(void)
{
	nanosleep(&(struct timespec){ 0, 5000000 }, NULL);
}

static int dial(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", command_file(name));
	if (!connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return fd;
	close(fd);
	return -1;
}

/* Starts the card with these options besides --socket NAME; returns when it listens. */
static pid_t start(const char *name, const char *const *options)
{
	char path[512];
	pid_t pid;

	snprintf(path, sizeof(path), "%s", command_file(name));
	pid = fork();
	if (!pid) {
		const char *argv[16] = { PROGRAM, "--socket", path };

		for (int i = 0; options && options[i]; i++)
			argv[3 + i] = options[i];
		/* A test that fails must not leave it behind. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execv(PROGRAM, (char **)(uintptr_t)argv);
		_exit(127);
	}
	for (int i = 0; i < 2000; i++) {
		const int fd = dial(name);

		if (fd >= 0) {
			close(fd);
			return pid;
		}
		assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
		nap();
	}
	fail_msg("the card does not listen");
	return -1;
}

/* Its exit status after the signal, which must come within five seconds. */
static int stop(pid_t pid, int number)
{
	const double end = seconds(CLOCK_MONOTONIC) + 5;
	int status;

	kill(pid, number);
	while (!waitpid(pid, &status, WNOHANG)) {
		if (seconds(CLOCK_MONOTONIC) > end) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			fail_msg("the card did not end");
		}
		nap();
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void says_what_it_takes(void **state)
{
	struct command c = { 0 };

	command_expect(&c, 0, "$B/bin/npu-sim --help");
	for (size_t i = 0; i < 9; i++) {
		static const char *const options[] = { "--socket", "--memory", "--serial", "--state", "--key",
						       "--control", "--debug-registers", "--log-level",
						       "--log-file" };

		assert_non_null(strstr(c.out, options[i]));
	}
	command_expect(&c, 0, "$B/bin/npu-sim --version");
	assert_non_null(strstr(c.out, "card ABI 1.0"));
	/* A printer that is out of paper. */
	c.stdout_file = "/dev/full";
	command_expect(&c, 1, "$B/bin/npu-sim --help");
	command_says(&c, "No space");
}

static void says_what_is_wrong_with_the_arguments(void **state)
{
	static const struct {
		const char *line, *says;
	} cases[] = {
		{ "", "--socket is missing" },
		{ "--socket x extra", "unexpected argument 'extra'" },
		{ "--socket", "requires an argument" },
		{ "--nonsense", "unrecognized option" },
		{ "--socket x --memory 3M", "power of two" }, { "--socket x --memory 0", "power of two" },
		{ "--socket x --memory 512K", "power of two" }, { "--socket x --memory 2T", "power of two" },
		{ "--socket x --memory 1X", "power of two" }, { "--socket x --memory 1GG", "power of two" },
		{ "--socket x --memory -1G", "power of two" }, { "--socket x --memory ''", "power of two" },
		{ "--socket x --memory 18446744073709551615T", "power of two" },
		{ "--socket x --memory 16777217T", "power of two" },
		{ "--socket x --memory 99999999999999999999", "power of two" },
		{ "--socket x --serial abc", "not a number" }, { "--socket x --serial -1", "not a number" },
		{ "--socket x --serial 0x1ffffffffffffffff", "not a number" },
		{ "--socket x --log-level loud", "error, warn, info or debug" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct command c = { 0 };
		char line[256];

		snprintf(line, sizeof(line), "cd $T && npu=$OLDPWD/$B/bin/npu-sim && $npu %s", cases[i].line);
		command_expect(&c, 2, line);
		command_says(&c, cases[i].says);
		command_says(&c, "--help");
		assert_int_equal(c.out[0], 0);
	}
}

static void says_why_it_cannot_start(void **state)
{
	struct command c = { 0 };
	char line[512];

	command_expect(&c, 1, "$B/bin/npu-sim --socket $T/nowhere/card.sock");
	command_says(&c, "No such file or directory");
	snprintf(line, sizeof(line), "$B/bin/npu-sim --socket $T/%0150d", 1);
	command_expect(&c, 1, line);
	command_says(&c, "1 to 107");
	command_expect(&c, 1, "$B/bin/npu-sim --socket ''");
	command_says(&c, "1 to 107");
	command_expect(&c, 1, "$B/bin/npu-sim --socket $T/s --key $T/nokey");
	command_says(&c, "nokey: No such file");
	command_expect(&c, 1, "echo hello > $T/badkey; $B/bin/npu-sim --socket $T/s --key $T/badkey");
	command_says(&c, "not a public key");
	command_expect(&c, 1, "$B/bin/npu-sim --socket $T/s --log-file $T/nowhere/log");
	command_says(&c, "nowhere/log: No such file");
	command_expect(&c, 1, "$B/bin/npu-sim --socket $T/s --state $T/nowhere/state");
	command_says(&c, "nowhere/state: No such file");
	command_expect(&c, 1, "$B/bin/npu-sim --socket $T/s --control $T/nowhere/control");
	command_says(&c, "nowhere/control: No such file");
	/* None of them has left its socket behind. */
	command_expect(&c, 1, "test -e $T/s");
}

static void a_file_that_is_no_socket_stays(void **state)
{
	struct command c = { 0 };

	command_expect(&c, 1, "echo precious > $T/file; $B/bin/npu-sim --socket $T/file");
	command_says(&c, "no socket");
	command_expect(&c, 0, "grep -q precious $T/file");
}

static void a_living_card_keeps_its_socket(void **state)
{
	const pid_t pid = start("living.sock", NULL);
	struct command c = { 0 };
	int fd = dial("living.sock");

	command_expect(&c, 1, "$B/bin/npu-sim --socket $T/living.sock");
	command_says(&c, "in use by another process");
	/* Nor did the one that asked disturb the other's client. */
	assert_int_equal(recv(fd, &(char){ 0 }, 1, MSG_DONTWAIT), -1);
	close(fd);
	assert_int_equal(stop(pid, SIGTERM), 0);
	command_expect(&c, 1, "test -e $T/living.sock");
}

static void a_dead_card_s_socket_is_replaced(void **state)
{
	pid_t pid = start("dead.sock", NULL);
	struct command c = { 0 };

	assert_int_equal(stop(pid, SIGKILL), 128 + SIGKILL);
	command_expect(&c, 0, "test -S $T/dead.sock");
	pid = start("dead.sock", NULL);
	assert_int_equal(stop(pid, SIGTERM), 0);
	command_expect(&c, 1, "test -e $T/dead.sock");
}

static void another_one_s_socket_is_not_removed(void **state)
{
	const pid_t pid = start("mine.sock", NULL);
	struct command c = { 0 };

	command_expect(&c, 0, "rm $T/mine.sock; touch $T/mine.sock");
	assert_int_equal(stop(pid, SIGTERM), 0);
	command_expect(&c, 0, "test -f $T/mine.sock");
}

static void ends_on_each_signal(void **state)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	const char *const options[] = { "--control", NULL, NULL };
	struct command c = { 0 };

	for (size_t i = 0; i < 3; i++) {
		const char *with[3] = { options[0], strdup(command_file("ends.control")), NULL };
		const pid_t pid = start("ends.sock", with);

		assert_int_equal(stop(pid, signals[i]), 0);
		command_expect(&c, 1, "test -e $T/ends.sock -o -e $T/ends.control");
		free((void *)(uintptr_t)with[1]);
	}
}

/* Half a message, and nobody who reads: neither may keep it from ending. */
static void ends_also_while_a_client_hangs(void **state)
{
	const struct vfio_user_header half = { 1, VFIO_USER_VERSION, 4000, 0, 0 };
	const struct {
		struct vfio_user_header header;
		struct vfio_user_version version;
	} hello = { { 1, VFIO_USER_VERSION, 20, 0, 0 }, { 0, 0 } };
	const struct {
		struct vfio_user_header header;
		struct vfio_user_region_access access;
	} large = { { 2, VFIO_USER_REGION_READ, 32, 0, 0 }, { 0, 4, 1 << 20 } };
	pid_t pid = start("hang.sock", NULL);
	int fd = dial("hang.sock");

	assert_int_equal(write(fd, &half, sizeof(half)), sizeof(half));
	nap();
	assert_int_equal(stop(pid, SIGTERM), 0);
	close(fd);
	pid = start("hang.sock", NULL);
	fd = dial("hang.sock");
	assert_int_equal(write(fd, &hello, 20), 20);
	for (int i = 0; i < 50; i++)
		assert_int_equal(write(fd, &large, 32), 32);
	nap();
	assert_int_equal(stop(pid, SIGTERM), 0);
	close(fd);
}

static void the_log_level_decides_what_is_said(void **state)
{
	struct command c = { 0 };

	for (int i = 0; i < 2; i++) {
		const char *const options[] = { "--log-level", i ? "info" : "error", "--log-file",
						strdup(command_file("log")), NULL };
		const pid_t pid = start("log.sock", options);

		assert_int_equal(stop(pid, SIGTERM), 0);
		command_expect(&c, !i, "grep -q 'info: card 1 with 1024 MiB' $T/log");
		free((void *)(uintptr_t)options[3]);
	}
}

/* Talks to the control socket; the whole answer. */
static void ask(const char *name, const char *line, char *answer, size_t size)
{
	const int fd = dial(name);
	ssize_t got;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, line, strlen(line)), strlen(line));
	got = read(fd, answer, size - 1);
	answer[got > 0 ? got : 0] = '\0';
	close(fd);
}

static void the_control_socket_answers(void **state)
{
	static const char *const faults[] = { "all-ones", "fw-hang", "no-irq", "irq-storm", "engine-hang",
					      "bad-admin", "fence-backwards" };
	const char *const options[] = { "--control", strdup(command_file("control")), NULL };
	const pid_t pid = start("controlled.sock", options);
	char answer[4096], line[64];
	int idle[6];

	/* People who say nothing hold up nobody. */
	for (int i = 0; i < 3; i++)
		idle[i] = dial("control");
	ask("control", "status\n", answer, sizeof(answer));
	assert_non_null(strstr(answer, "boot reset"));
	assert_non_null(strstr(answer, "slot 7 empty"));
	assert_non_null(strstr(answer, "\nok\n"));
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		snprintf(line, sizeof(line), "fault %s on\n", faults[i]);
		ask("control", line, answer, sizeof(answer));
		assert_string_equal(answer, "ok\n");
		ask("control", "status\n", answer, sizeof(answer));
		snprintf(line, sizeof(line), "\nfault %s\n", faults[i]);
		assert_non_null(strstr(answer, line));
		snprintf(line, sizeof(line), "fault %s off\n", faults[i]);
		ask("control", line, answer, sizeof(answer));
		assert_string_equal(answer, "ok\n");
	}
	ask("control", "fault nothing on\n", answer, sizeof(answer));
	assert_non_null(strstr(answer, "error: no fault 'nothing'; there are all-ones, "));
	ask("control", "fault all-ones maybe\n", answer, sizeof(answer));
	assert_non_null(strstr(answer, "error: usage"));
	ask("control", "dance\n", answer, sizeof(answer));
	assert_non_null(strstr(answer, "error: unknown command 'dance'"));
	ask("control", "ecc 0x1000 corrected\n", answer, sizeof(answer));
	assert_string_equal(answer, "ok\n");
	ask("control", "ecc 0x40000000 uncorrected\n", answer, sizeof(answer));
	assert_non_null(strstr(answer, "beyond the device memory"));
	ask("control", "ecc here corrected\n", answer, sizeof(answer));
	assert_non_null(strstr(answer, "error: usage: ecc OFFSET"));
	ask("control", "ecc\n", answer, sizeof(answer));
	assert_non_null(strstr(answer, "error: usage: ecc OFFSET"));
	ask("control", "help\n", answer, sizeof(answer));
	assert_non_null(strstr(answer, "fault NAME on|off"));
	for (int i = 0; i < 3; i++)
		close(idle[i]);
	assert_int_equal(stop(pid, SIGTERM), 0);
	free((void *)(uintptr_t)options[1]);
}

/* A client in a few lines; each call waits for its reply. */
struct vmm {
	int fd;
	uint8_t reply[4096];
};

static void call(struct vmm *v, uint16_t command, const void *payload, size_t size, int pass)
{
	struct vfio_user_header header = { 1, command, (uint32_t)(16 + size), 0, 0 };
	union {
		struct cmsghdr align;
		uint8_t space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec vectors[2] = { { &header, 16 }, { (void *)(uintptr_t)payload, size } };
	struct msghdr message = { .msg_iov = vectors, .msg_iovlen = size ? 2 : 1 };
	size_t got = 0;

	if (pass >= 0) {
		memset(&control, 0, sizeof(control));
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.align), &pass, sizeof(int));
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
	}
	assert_int_equal(sendmsg(v->fd, &message, 0), 16 + size);
	do {
		const ssize_t part = read(v->fd, v->reply + got, sizeof(v->reply) - got);

		assert_true(part > 0);
		got += (size_t)part;
		memcpy(&header, v->reply, 16);
	} while (got < 16 || got < header.size);
	assert_false(header.flags & VFIO_USER_ERROR);
}

static void write_region(struct vmm *v, uint32_t region, uint64_t offset, uint32_t value, uint32_t size)
{
	struct {
		struct vfio_user_region_access access;
		uint32_t value;
	} message = { { offset, region, size }, value };

	call(v, VFIO_USER_REGION_WRITE, &message, 16 + size, -1);
}

static uint32_t read_register(struct vmm *v, uint32_t offset)
{
	const struct vfio_user_region_access access = { offset, 0, 4 };
	uint32_t value;

	call(v, VFIO_USER_REGION_READ, &access, sizeof(access), -1);
	memcpy(&value, v->reply + 32, 4);
	return value;
}

/* Connects and boots the real firmware. */
static struct vmm *boot(const char *name)
{
	const struct vfio_user_dma_map map = { 32, 3, 0, 0x100000, 1 << 20 };
	struct vmm *v = calloc(1, sizeof(*v));
	int memory = memfd_create("vmm", MFD_CLOEXEC);
	FILE *file = fopen(FIRMWARE_IMAGE, "rb");
	uint8_t *host;
	size_t size;

	assert_int_equal(ftruncate(memory, 1 << 20), 0);
	host = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	size = fread(host, 1, 1 << 20, file);
	fclose(file);
	munmap(host, 1 << 20);
	v->fd = dial(name);
	call(v, VFIO_USER_VERSION, "\0\0\0", 4, -1);
	call(v, VFIO_USER_DMA_MAP, &map, sizeof(map), memory);
	close(memory);
	write_region(v, 7, PCI_COMMAND, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY, 2);
	write_region(v, 0, NPU_REG_BOOT_IMAGE_LO, 0x100000, 4);
	write_region(v, 0, NPU_REG_BOOT_IMAGE_SIZE, (uint32_t)size, 4);
	write_region(v, 0, NPU_REG_BOOT_CTRL, NPU_BOOT_CTRL_START, 4);
	for (int i = 0; i < 2000 && read_register(v, NPU_REG_BOOT_STATUS) != NPU_BOOT_STATE_READY; i++)
		nap();
	assert_int_equal(read_register(v, NPU_REG_BOOT_STATUS), NPU_BOOT_STATE_READY);
	return v;
}

static void hang_up(struct vmm *v)
{
	close(v->fd);
	free(v);
}

static void two_cards_may_have_one_serial_number(void **state)
{
	const char *const options[] = { "--serial", "0x1234", "--memory", "64M", NULL };
	const pid_t first = start("one.sock", options), second = start("two.sock", options);
	struct vmm *one = boot("one.sock"), *two = boot("two.sock");

	assert_int_equal(read_register(one, NPU_REG_SERIAL_LO), 0x1234);
	assert_int_equal(read_register(two, NPU_REG_SERIAL_LO), 0x1234);
	assert_int_equal(read_register(two, NPU_REG_MEMORY_LO), 64 << 20);
	hang_up(one);
	hang_up(two);
	assert_int_equal(stop(first, SIGTERM), 0);
	assert_int_equal(stop(second, SIGTERM), 0);
}

static void debug_registers_are_an_option(void **state)
{
	const char *const options[] = { "--debug-registers", NULL };

	for (int on = 0; on < 2; on++) {
		const pid_t pid = start("debug.sock", on ? options : NULL);
		struct vmm *v = boot("debug.sock");

		assert_int_equal(!!(read_register(v, NPU_REG_CAPS) & NPU_CAPS_DEBUG), on);
		write_region(v, 0, NPU_REG_DEBUG_FAULT, NPU_DEBUG_ALL_ONES | NPU_DEBUG_ON, 4);
		assert_int_equal(read_register(v, NPU_REG_ID) == 0xffffffff, on);
		hang_up(v);
		assert_int_equal(stop(pid, SIGTERM), 0);
	}
}

static void a_client_may_come_again_and_again(void **state)
{
	const pid_t pid = start("again.sock", NULL);

	for (int i = 0; i < 5; i++)
		hang_up(boot("again.sock"));
	assert_int_equal(stop(pid, SIGTERM), 0);
}

static double processor_time(pid_t pid)
{
	unsigned long user, system;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "r");
	assert_int_equal(fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
				&system), 2);
	fclose(file);
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

/* A card that runs its firmware and has nothing to do: below 1 % of a core. */
static void an_idle_card_costs_nearly_nothing(void **state)
{
	const pid_t pid = start("idle.sock", NULL);
	struct vmm *v = boot("idle.sock");
	double before, used;

	/* OpenBLAS has a thread that looks for work for a moment when it is loaded. */
	sleep(1);
	before = processor_time(pid);
	sleep(5);
	used = (processor_time(pid) - before) / 5;
	print_message("idle: %.2f %% of a core\n", used * 100);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	assert_true(used < 0.01);
#else
	assert_true(used < 0.2);
#endif
	hang_up(v);
	assert_int_equal(stop(pid, SIGTERM), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_what_it_takes),
		cmocka_unit_test(says_what_is_wrong_with_the_arguments),
		cmocka_unit_test(says_why_it_cannot_start),
		cmocka_unit_test(a_file_that_is_no_socket_stays),
		cmocka_unit_test(a_living_card_keeps_its_socket),
		cmocka_unit_test(a_dead_card_s_socket_is_replaced),
		cmocka_unit_test(another_one_s_socket_is_not_removed),
		cmocka_unit_test(ends_on_each_signal),
		cmocka_unit_test(ends_also_while_a_client_hangs),
		cmocka_unit_test(the_log_level_decides_what_is_said),
		cmocka_unit_test(the_control_socket_answers),
		cmocka_unit_test(two_cards_may_have_one_serial_number),
		cmocka_unit_test(debug_registers_are_an_option),
		cmocka_unit_test(a_client_may_come_again_and_again),
		cmocka_unit_test(an_idle_card_costs_nearly_nothing),
	};

	return cmocka_run_group_tests(tests, command_setup, command_teardown);
}
