// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* npu-smi's parts: fdinfo, sysfs, deadlines, selection, exit statuses. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "program.h" /* before cmocka.h, which makes fail() a macro */

#include <cmocka.h>

#include <abi/npu_regs.h>

#include "card.h"
#include "client.h"
#include "field.h"
#include "machine.h"
#include "sample.h"
#include "smi.h"
#include "sysfs.h"

static void pci_identity_is_the_drivers(void **state)
{
	assert_int_equal(CARD_PCI_VENDOR, NPU_PCI_VENDOR_ID);
	assert_int_equal(CARD_PCI_DEVICE, NPU_PCI_DEVICE_ID);
}

static void fdinfo_of_a_card(void **state)
{
	struct client c;

	assert_true(client_parse("pos:\t0\ndrm-driver:\tnpu\ndrm-client-id:\t12\n"
				 "drm-pdev:\t0000:01:00.0\ndrm-engine-npu:\t123 ns\n"
				 "drm-engine-capacity-npu:\t2\n"
				 "drm-total-device:\t16 MiB\ndrm-resident-device:\t3 KiB\n"
				 "drm-resident-system:\t4096\n",
				 &c));
	assert_string_equal(c.bdf, "0000:01:00.0");
	assert_int_equal(c.id.value, 12);
	assert_int_equal(c.engine_ns.value, 123);
	assert_int_equal(c.engines.value, 2);
	assert_int_equal(c.device_memory.value, 3072);
	assert_int_equal(c.system_memory.value, 4096);
}

static void fdinfo_of_others_is_ignored(void **state)
{
	struct client c;

	assert_false(client_parse("", &c));
	assert_false(client_parse("pos:\t0\nflags:\t02\n", &c));
	assert_false(client_parse("drm-driver:\tamdgpu\ndrm-pdev:\t0000:01:00.0\n", &c));
	assert_false(client_parse("drm-driver:\tnpu2\ndrm-pdev:\t0000:01:00.0\n", &c));
	assert_false(client_parse("drm-driver:\tnpu\n", &c));
	assert_false(client_parse("drm-driver:\tnpu\ndrm-pdev:\t0000:01:00.0 and more\n", &c));
}

static void malformed_fdinfo_lines_are_unknown_not_zero(void **state)
{
	static const char *const values[] = {
		"",
		"x",
		"-5 ns",
		"5 s",
		"5ns x",
		"0x10 ns",
		"99999999999999999999 ns",
		" ",
		"5  ns",
		": 5",
		"9223372036854775807 GiB",
	};
	char text[256], lengthy[600];
	struct client c;

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		snprintf(text, sizeof(text),
			 "drm-driver: npu\ndrm-pdev: 0000:01:00.0\n"
			 "drm-engine-npu: %s\ndrm-resident-device: %s",
			 values[i], values[i]);
		assert_true(client_parse(text, &c));
		assert_false(c.engine_ns.known);
		assert_false(c.device_memory.known);
	}
	/* Lines without a colon, without a key, and longer than any. */
	memset(lengthy, 'a', sizeof(lengthy));
	strcpy(lengthy + sizeof(lengthy) - 100, ": 1\n");
	snprintf(text, sizeof(text),
		 "nonsense\n:\n::\n\n\ndrm-driver:npu\ndrm-pdev:0000:01:00.0\n");
	assert_true(client_parse(text, &c));
	assert_false(client_parse(lengthy, &c));
}

static void older_memory_keys_do_not_override(void **state)
{
	struct client c;

	assert_true(client_parse("drm-driver: npu\ndrm-pdev: 0000:01:00.0\n"
				 "drm-resident-device: 1 MiB\ndrm-total-device: 9 MiB\n"
				 "drm-memory-device: 8 MiB\ndrm-memory-system: 5 KiB\n",
				 &c));
	assert_int_equal(c.device_memory.value, 1 << 20);
	assert_int_equal(c.system_memory.value, 5 << 10);
}

#define CLIENT(id) "drm-driver: npu\ndrm-pdev: 0000:01:00.0\ndrm-client-id: " id "\n"

static void shared_and_duplicated_files_count_once(void **state)
{
	struct clients clients;

	machine_process(200, "child\n", 7, CLIENT("1"));
	machine_process(100, "parent\n", 7, CLIENT("1"));
	machine_process(100, "parent\n", 8, CLIENT("1"));
	machine_process(100, "parent\n", 9, CLIENT("2"));
	machine_process(300, "other\n", 3,
			"drm-driver: npu\ndrm-pdev: 0000:02:00.0\ndrm-client-id: 1\n");
	assert_int_equal(clients_scan(&machine, &clients), 0);
	assert_int_equal(clients.count, 3);
	assert_int_equal(clients.list[0].pid, 100);
	assert_int_equal(clients.list[0].id.value, 1);
	assert_string_equal(clients.list[0].process, "parent");
	assert_int_equal(clients.list[1].id.value, 2);
	assert_int_equal(clients.list[2].pid, 300);
	assert_false(clients.hidden);
	clients_fini(&clients);
}

static void only_character_devices_are_read(void **state)
{
	struct clients clients;

	machine_file("100\n", "proc/100/comm");
	machine_file("", "proc/100/fd/1");
	machine_file(CLIENT("1"), "proc/100/fdinfo/1");
	machine_link("socket:[123]", "proc/100/fd/2");
	machine_file(CLIENT("1"), "proc/100/fdinfo/2");
	assert_int_equal(clients_scan(&machine, &clients), 0);
	assert_int_equal(clients.count, 0);
	clients_fini(&clients);
}

static void own_files_are_not_shown(void **state)
{
	struct clients clients;

	machine_process((int)getpid(), "npu-smi\n", 7, CLIENT("1"));
	assert_int_equal(clients_scan(&machine, &clients), 0);
	assert_int_equal(clients.count, 0);
	clients_fini(&clients);
}

static void processes_that_may_not_be_seen_are_told(void **state)
{
	struct clients clients;
	char path[256];

	machine_process(100, "secret\n", 7, CLIENT("1"));
	snprintf(path, sizeof(path), "%s/100/fd", machine.proc);
	assert_int_equal(chmod(path, 0), 0);
	if (!geteuid()) {
		/* Nothing is kept from root; as somebody else then. */
		assert_int_equal(seteuid(65534), 0);
		assert_int_equal(clients_scan(&machine, &clients), 0);
		assert_int_equal(seteuid(0), 0);
	} else {
		assert_int_equal(clients_scan(&machine, &clients), 0);
	}
	assert_true(clients.hidden);
	assert_int_equal(clients.count, 0);
	clients_fini(&clients);
	assert_int_equal(chmod(path, 0755), 0);
}

static void utilisation_of_a_process(void **state)
{
	struct client now[] = {
		{.bdf = "a", .id = {true, 1}, .engine_ns = {true, 600}},
		{.bdf = "a", .id = {true, 2}, .engine_ns = {true, 600}, .engines = {true, 4}},
		{.bdf = "a", .id = {true, 3}, .engine_ns = {true, 600}},
		{.bdf = "a", .id = {true, 4}},
		{.bdf = "a", .id = {true, 5}, .engine_ns = {true, 50}},
	};
	struct client before[] = {
		{.bdf = "a", .id = {true, 1}, .engine_ns = {true, 100}},
		{.bdf = "a", .id = {true, 2}, .engine_ns = {true, 200}},
		{.bdf = "b", .id = {true, 3}, .engine_ns = {true, 100}},
		{.bdf = "a", .id = {true, 4}, .engine_ns = {true, 100}},
		{.bdf = "a", .id = {true, 5}, .engine_ns = {true, 100}},
	};
	struct clients new = {now, 5, false}, old = {before, 5, false};

	clients_measure(&new, &old, 1000);
	assert_int_equal(now[0].busy_permille.value, 500);
	assert_int_equal(now[1].busy_permille.value, 100);
	/* New since, without a counter, with one that ran backwards. */
	assert_false(now[2].busy_permille.known);
	assert_false(now[3].busy_permille.known);
	assert_false(now[4].busy_permille.known);
}

static void busy_share_of_engines(void **state)
{
	assert_int_equal(sample_permille(0, 50, 0, 100, 1).value, 500);
	assert_int_equal(sample_permille(1000, 1050, 7000, 7100, 2).value, 250);
	/* More than all: the clocks of counters differ a little. */
	assert_int_equal(sample_permille(0, 101, 0, 100, 1).value, 1000);
	assert_true(sample_permille(5, 5, 0, 100, 1).known);
	assert_false(sample_permille(0, 50, 100, 100, 1).known);
	assert_false(sample_permille(0, 50, 100, 50, 1).known);
	assert_false(sample_permille(50, 0, 0, 100, 1).known);
	assert_false(sample_permille(0, 50, 0, 100, 0).known);
}

static void sysfs_numbers_are_strict(void **state)
{
	static const struct {
		const char *text;
		bool known;
		int64_t value;
	} cases[] = {
		{"12\n", true, 12},  {"0x1f\n", true, 31}, {"-40000\n", true, -40000},
		{"0\n", true, 0},    {"0012\n", true, 12}, {"\n", false, 0},
		{"", false, 0},	     {" 5\n", false, 0},   {"5 \n", false, 0},
		{"5x\n", false, 0},  {"-\n", false, 0},	   {"9223372036854775808\n", false, 0},
		{"1e3\n", false, 0}, {"+1\n", false, 0},
	};
	char directory[256];

	snprintf(directory, sizeof(directory), "%s/x", machine.sysfs);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct quantity q;

		machine_file(cases[i].text, "sys/x/n");
		q = sysfs_number(directory, "n");
		assert_int_equal(q.known, cases[i].known);
		assert_int_equal(q.value, cases[i].value);
	}
	assert_false(sysfs_number(directory, "nothing").known);
}

static void a_fifo_in_sysfs_does_not_block(void **state)
{
	char path[256], text[16];

	machine_file("", "sys/x/n");
	snprintf(path, sizeof(path), "%s/x/fifo", machine.sysfs);
	assert_int_equal(mkfifo(path, 0600), 0);
	snprintf(path, sizeof(path), "%s/x", machine.sysfs);
	sysfs_text(path, "fifo", text, sizeof(text));
	assert_string_equal(text, "");
}

static void entries_are_found_by_number(void **state)
{
	char directory[256], name[32];

	snprintf(directory, sizeof(directory), "%s/x", machine.sysfs);
	assert_int_equal(sysfs_entry(directory, "hwmon", name, sizeof(name)), -ENOENT);
	machine_file("", "sys/x/hwmonx");
	machine_file("", "sys/x/hwmon");
	machine_file("", "sys/x/hwmon9999999999");
	assert_int_equal(sysfs_entry(directory, "hwmon", name, sizeof(name)), -ENOENT);
	machine_file("", "sys/x/hwmon12");
	machine_file("", "sys/x/hwmon7");
	assert_int_equal(sysfs_entry(directory, "hwmon", name, sizeof(name)), 0);
	assert_string_equal(name, "hwmon7");
}

static void cards_are_in_the_order_of_their_addresses(void **state)
{
	struct card *cards;
	size_t count;

	machine_card("0001:00:00.0", 0);
	machine_card("0000:0a:00.0", 1);
	machine_card("0000:01:00.1", -1);
	machine_card("0000:01:00.0", 2);
	machine_device("0000:05:00.0", "0x1234\n", "0x1111\n");
	assert_int_equal(cards_scan(&machine, &cards, &count), 0);
	assert_int_equal(count, 4);
	assert_string_equal(cards[0].bdf, "0000:01:00.0");
	assert_string_equal(cards[1].bdf, "0000:01:00.1");
	assert_string_equal(cards[2].bdf, "0000:0a:00.0");
	assert_string_equal(cards[3].bdf, "0001:00:00.0");
	/* Indices count what the driver serves, as libnpu does. */
	assert_int_equal(cards[0].index, 0);
	assert_false(cards[1].served);
	assert_int_equal(cards[2].index, 1);
	assert_int_equal(cards[3].index, 2);
	assert_string_equal(cards[3].node, "/dev/accel/accel0");
	free(cards);
}

static void a_machine_without_pci_has_no_cards(void **state)
{
	struct card *cards;
	size_t count;

	machine_remove("sys");
	assert_int_equal(cards_scan(&machine, &cards, &count), 0);
	assert_int_equal(count, 0);
}

static void cards_are_called_by_any_of_their_names(void **state)
{
	struct card *cards;
	size_t count;

	machine_card("0000:0a:00.0", 3);
	assert_int_equal(cards_scan(&machine, &cards, &count), 0);
	assert_int_equal(sample_cards(cards, count, NULL, 1000), 0);
	assert_true(card_matches(&cards[0], "0"));
	assert_true(card_matches(&cards[0], "0000:0a:00.0"));
	assert_true(card_matches(&cards[0], "0a:00.0"));
	assert_true(card_matches(&cards[0], "/dev/accel/accel3"));
	assert_true(card_matches(&cards[0], "4E505531-0000-8000-8000-000000000001"));
	assert_false(card_matches(&cards[0], "1"));
	assert_false(card_matches(&cards[0], ""));
	assert_false(card_matches(&cards[0], "0b:00.0"));
	assert_false(card_matches(&cards[0], "/dev/accel/accel0"));
	assert_false(card_matches(&cards[0], "4e505531"));
	free(cards);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int hanging_live(const struct card *card, struct card_live *live, struct npu_error *error)
{
	signal(SIGTERM, SIG_IGN);
	while (pause())
		;
	return 0;
}

static int crashing_live(const struct card *card, struct card_live *live, struct npu_error *error)
{
	raise(SIGKILL);
	return 0;
}

static void hanging_cards_share_one_deadline(void **state)
{
	uint64_t start;
	struct card *cards;
	size_t count;

	for (int i = 0; i < 8; i++) {
		char bdf[16];

		snprintf(bdf, sizeof(bdf), "0000:%02x:00.0", i + 1);
		machine_card(bdf, i);
	}
	assert_int_equal(cards_scan(&machine, &cards, &count), 0);
	assert_int_equal(count, 8);
	start = now_ms();
	assert_int_equal(sample_cards(cards, count, hanging_live, 400), 0);
	assert_in_range(now_ms() - start, 400, 2500);
	for (size_t i = 0; i < count; i++) {
		char word[24];

		assert_true(card_is_dead(&cards[i]));
		assert_string_equal(card_health(&cards[i], word), "NO ANSWER");
		/* What came before it hung is there. */
		assert_string_equal(cards[i].sample.firmware, "0.1.0");
		assert_int_equal(cards[i].sample.temperature_mc.value, 45250);
	}
	free(cards);
}

static void a_look_that_dies_is_no_answer(void **state)
{
	struct card *cards;
	size_t count;

	machine_card("0000:01:00.0", 0);
	assert_int_equal(cards_scan(&machine, &cards, &count), 0);
	assert_int_equal(sample_cards(cards, count, crashing_live, 2000), 0);
	assert_true(card_is_dead(&cards[0]));
	free(cards);
}

static int nodev_live(const struct card *card, struct card_live *live, struct npu_error *error)
{
	strcpy(error->text, "the card is lost");
	return -ENODEV;
}

static int no_live(const struct card *card, struct card_live *live, struct npu_error *error)
{
	strcpy(error->text, "permission denied");
	return -EACCES;
}

/* Runs a command line in a process of its own, output to a file; the status. */
static int smi(sample_live_fn *live, const char *line, char *out, size_t size)
{
	char words[256], *argv[16], *rest = words, *word;
	char name[] = "npu-smi";
	int argc = 1, status, fd;
	char path[] = P_tmpdir "/npu-smi-XXXXXX";
	ssize_t got;
	pid_t pid;

	snprintf(words, sizeof(words), "%s", line);
	argv[0] = name;
	while ((word = strsep(&rest, " "))) {
		if (*word && argc < 15)
			argv[argc++] = word;
	}
	argv[argc] = NULL;
	fd = mkstemp(path);
	assert_true(fd >= 0);
	unlink(path);
	fflush(NULL);
	pid = fork();
	if (!pid) {
		dup2(fd, 1);
		dup2(fd, 2);
		program_start("npu-smi");
		_exit(program_end(smi_run(argc, argv, &machine, live, 300)));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	got = pread(fd, out, size - 1, 0);
	out[got > 0 ? got : 0] = '\0';
	close(fd);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void expect(int status, sample_live_fn *live, const char *line, const char *says)
{
	char out[16384];
	int got = smi(live, line, out, sizeof(out));

	if (got != status || !strstr(out, says)) {
		fprintf(stderr, "npu-smi %s: status %d, not %d; says: %s\n", line, got, status,
			out);
		fail_msg("npu-smi %s", line);
	}
}

static void status_0_for_what_can_be_known(void **state)
{
	machine_card("0000:01:00.0", 0);
	machine_card("0000:04:00.0", -1);
	expect(0, no_live, "", "permission denied");
	expect(0, no_live, "info", "Bus-Id");
	expect(0, no_live, "info -l", "NPU 0: ");
	expect(0, no_live, "list", "NPU 0: ");
	expect(0, no_live, "list --json", "npu-smi-list/1");
	expect(0, no_live, "--json", "\"schema\":\"npu-smi/1\"");
	expect(0, no_live, "query", "temperature_c");
	expect(0, no_live, "query uuid -d 0", "4e505531-0000-8000-8000-000000000001");
	expect(0, no_live, "query uuid,power_w --format csv", "uuid,power_w\n");
	expect(0, no_live, "query queues --format json", "null");
	expect(0, no_live, "query queues", "npu-smi: card 0 (0000:01:00.0): memory");
	expect(0, no_live, "query --help-fields", "temperature_c");
	expect(0, no_live, "--help", "Usage: npu-smi");
	expect(0, no_live, "--version", "npu-smi " NPU_VERSION "\n");
}

static void status_2_for_wrong_use(void **state)
{
	static const char *const lines[] = {
		"frobnicate",	      "--frobnicate", "list more",    "info more",
		"query name more",    "query colour", "--format csv", "list --format csv",
		"query --format xml", "-l",	      "list -l",      "-d",
		"--format",
	};

	machine_card("0000:01:00.0", 0);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		expect(2, no_live, lines[i], "npu-smi");
}

static void status_4_without_a_usable_card(void **state)
{
	expect(4, no_live, "", "there is no PCI device 1234:4e50");
	expect(4, no_live, "-d 5", "there is no PCI device 1234:4e50");
	expect(4, no_live, "list --json", "\"cards\":[");
	machine_card("0000:04:00.0", -1);
	expect(4, no_live, "list",
	       "card 0000:04:00.0 has no driver: npu is not installed for kernel");
	expect(4, no_live, "--json", "\"NO DRIVER\"");
	machine_card("0000:01:00.0", 0);
	expect(4, no_live, "list -d 7", "there is no card '7'");
	expect(4, no_live, "list -d 7", "there are: 0000:01:00.0, 0000:04:00.0");
	expect(4, no_live, "list -d 0000:04:00.0", "could not start it");
}

static void status_5_for_a_dead_card(void **state)
{
	machine_card("0000:01:00.0", 0);
	expect(5, hanging_live, "", "NO ANSWER");
	expect(5, nodev_live, "", "LOST");
	expect(5, nodev_live, "query health,queues", "LOST");
	machine_file("lost\n", "sys/bus/pci/devices/0000:01:00.0/state");
	expect(5, hanging_live, "", "LOST");
	expect(5, NULL, "list", "LOST");
}

/* Tests run in the project's top folder. */
static void the_manual_has_every_field(void **state)
{
	static char manual[65536];
	FILE *file = fopen("tools/npu-smi/npu-smi.1", "r");

	assert_non_null(file);
	assert_true(fread(manual, 1, sizeof(manual) - 1, file) > 0);
	fclose(file);
	for (size_t i = 0; i < field_count; i++) {
		if (!strstr(manual, fields[i].name))
			fail_msg("npu-smi(1) lacks the field %s", fields[i].name);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, machine_setup, machine_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(pci_identity_is_the_drivers),
		cmocka_unit_test(fdinfo_of_a_card),
		cmocka_unit_test(fdinfo_of_others_is_ignored),
		cmocka_unit_test(malformed_fdinfo_lines_are_unknown_not_zero),
		cmocka_unit_test(older_memory_keys_do_not_override),
		TEST(shared_and_duplicated_files_count_once),
		TEST(only_character_devices_are_read),
		TEST(own_files_are_not_shown),
		TEST(processes_that_may_not_be_seen_are_told),
		cmocka_unit_test(utilisation_of_a_process),
		cmocka_unit_test(busy_share_of_engines),
		TEST(sysfs_numbers_are_strict),
		TEST(a_fifo_in_sysfs_does_not_block),
		TEST(entries_are_found_by_number),
		TEST(cards_are_in_the_order_of_their_addresses),
		TEST(a_machine_without_pci_has_no_cards),
		TEST(cards_are_called_by_any_of_their_names),
		TEST(hanging_cards_share_one_deadline),
		TEST(a_look_that_dies_is_no_answer),
		TEST(status_0_for_what_can_be_known),
		TEST(status_2_for_wrong_use),
		TEST(status_4_without_a_usable_card),
		TEST(status_5_for_a_dead_card),
		cmocka_unit_test(the_manual_has_every_field),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
