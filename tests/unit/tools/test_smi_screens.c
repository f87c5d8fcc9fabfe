// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* What npu-smi prints for machines of every kind, as golden texts. */
#include <errno.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "grid.h"
#include "list.h"
#include "machine.h"
#include "query.h"
#include "text.h"

/* The card in slot 1 may be opened, that in slot 2 may not, slot 3 hangs. */
static int live(const struct card *card, struct card_live *l, struct npu_error *error)
{
	if (!strcmp(card->bdf, "0000:02:00.0")) {
		snprintf(error->text, sizeof(error->text),
			 "cannot open /dev/accel/accel1: permission denied: the node is "
			 "root:render, mode 0660, and you are nobody (uid 65534); join its "
			 "group: 'usermod -aG render nobody' as root, then log in again");
		return -EACCES;
	}
	if (!strcmp(card->bdf, "0000:03:00.0"))
		pause();
	l->memory_total = quantity_of(1ll << 30);
	l->memory_used = quantity_of(12 << 20);
	l->clock_max_hz = quantity_of(1200000000);
	l->tensor_permille = quantity_of(234);
	l->copy_permille = quantity_of(6);
	l->queues = quantity_of(3);
	l->ecc_corrected = quantity_of(5);
	l->ecc_uncorrected = quantity_of(0);
	l->throttle = quantity_of(0);
	l->uptime_ns = quantity_of(90000000000);
	return 0;
}

static void gather(struct report *report, unsigned int what)
{
	struct npu_error error;

	if (report_gather(report, &machine, what, live, 300, &error) ||
	    report_diagnose(report, &error))
		fail_msg("%s", error.text);
	strcpy(report->module.kernel, "6.12.0");
}

static char *screen(size_t terminal)
{
	struct report report;
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	gather(&report, GATHER_LIVE | GATHER_CLIENTS);
	grid_print(out, &report, terminal);
	fclose(out);
	report_fini(&report);
	return text;
}

/* cmocka cuts long messages. */
static void expect_text(char *text, const char *want)
{
	if (strcmp(text, want)) {
		fprintf(stderr, "It says\n%s\nand not\n%s\n", text, want);
		fail();
	}
	free(text);
}

static void expect_screen(size_t terminal, const char *want)
{
	expect_text(screen(terminal), want);
}

/* Each line of a table is as wide as the first, and starts and ends in a border. */
static void check_borders(char *text)
{
	size_t width = 0;

	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		if (*line != '|' && *line != '+')
			continue;
		if (!width)
			width = text_columns(line);
		if (text_columns(line) != width || line[strlen(line) - 1] != *line)
			fail_msg("broken border: %s", line);
	}
	assert_true(width > 0);
}

#define FDINFO(client, tensor)                                                                     \
	"pos:\t0\nflags:\t02100002\nmnt_id:\t5\ndrm-driver:\tnpu\ndrm-client-id:\t" client         \
	"\ndrm-pdev:\t0000:01:00.0\ndrm-engine-npu:\t" tensor " ns\ndrm-engine-capacity-npu:\t1\n" \
	"drm-total-device:\t8192 KiB\ndrm-resident-device:\t4 MiB\n"                               \
	"drm-total-system:\t64 KiB\ndrm-resident-system:\t64 KiB\n"

#define CARDS_80                                                                            \
	"Open NPU stack: npu-smi " NPU_VERSION ", driver " NPU_VERSION ", Linux 6.12.0\n"   \
	"+--------------------------------+---------------------+----------------------+\n" \
	"| NPU  Name                      | Bus-Id          ECC | Health      Firmware |\n" \
	"|      Temp Clock    Power / Cap |        Memory-Usage | NPU-Util Copy Queues |\n" \
	"|================================+=====================+======================|\n"
#define CARD_OK_80                                                                          \
	"|   0  NPU 1234:4e50 (rev 01)    | 0000:01:00.0      0 | OK             0.1.0 |\n" \
	"|      45C  1000MHz   8.4W / 75W |     12MiB / 1024MiB | 23%      1%        3 |\n" \
	"+--------------------------------+---------------------+----------------------+\n"
#define PROCESSES_80                                                                        \
	"\n"                                                                                \
	"+-----------------------------------------------------------------------------+\n" \
	"| NPU        PID  Process                   Dev-Mem   Sys-Mem  Eng-Time  Util |\n" \
	"|=============================================================================|\n"
#define NO_PROCESS_80                                                                       \
	PROCESSES_80                                                                        \
	"| No process                                                                  |\n" \
	"+-----------------------------------------------------------------------------+\n"

static void one_card_and_its_process(void **state)
{
	machine_card("0000:01:00.0", 0);
	machine_process(4321, "npu-run\n", 5, FDINFO("7", "2500000000"));
	expect_screen(
		80, CARDS_80 CARD_OK_80 PROCESSES_80
		"|   0       4321  npu-run                      4MiB     64KiB     2.50s    0% |\n"
		"+-----------------------------------------------------------------------------+"
		"\n");
}

static void a_card_without_permission_is_not_zero(void **state)
{
	machine_card("0000:02:00.0", 1);
	machine_card("0000:01:00.0", 0);
	expect_screen(
		80, CARDS_80 CARD_OK_80
		"|   1  NPU 1234:4e50 (rev 01)    | 0000:02:00.0    N/A | OK             0.1.0 |\n"
		"|      45C  1000MHz   8.4W / 75W |           N/A / N/A | N/A      N/A     N/A |\n"
		"+--------------------------------+---------------------+----------------------+"
		"\n" NO_PROCESS_80
		"card 1 (0000:02:00.0): memory, utilisation, queues and ECC are not known:\n"
		"  cannot open /dev/accel/accel1: permission denied: the node is root:render,\n"
		"  mode 0660, and you are nobody (uid 65534); join its group: 'usermod -aG\n"
		"  render nobody' as root, then log in again\n");
}

static void wide_terminals_give_names_room(void **state)
{
	machine_card("0000:01:00.0", 0);
	machine_process(4321, "npu-run\n", 5, FDINFO("7", "2500000000"));
	machine_process(4322, "python3\n", 5, FDINFO("8", "10000"));
	expect_screen(200, "Open NPU stack: npu-smi " NPU_VERSION ", driver " NPU_VERSION
			   ", Linux 6.12.0\n"
			   "+-----------------------------------------------------+----------------"
			   "-----+----------------------+\n"
			   "| NPU  Name                                           | Bus-Id         "
			   " ECC | Health      Firmware |\n"
			   "|      Temp Clock                         Power / Cap |        "
			   "Memory-Usage | NPU-Util Copy Queues |\n"
			   "|=====================================================+================"
			   "=====+======================|\n"
			   "|   0  NPU 1234:4e50 (rev 01)                         | 0000:01:00.0   "
			   "   0 | OK             0.1.0 |\n"
			   "|      45C  1000MHz                        8.4W / 75W |     12MiB / "
			   "1024MiB | 23%      1%        3 |\n"
			   "+-----------------------------------------------------+----------------"
			   "-----+----------------------+\n"
			   "\n"
			   "+----------------------------------------------------------------------"
			   "----------------------------+\n"
			   "| NPU        PID  Process                                        "
			   "Dev-Mem   Sys-Mem  Eng-Time  Util |\n"
			   "|======================================================================"
			   "============================|\n"
			   "|   0       4321  npu-run                                           "
			   "4MiB     64KiB     2.50s    0% |\n"
			   "|   0       4322  python3                                           "
			   "4MiB     64KiB      10us    0% |\n"
			   "+----------------------------------------------------------------------"
			   "----------------------------+\n");
}

static void lost_hanging_and_driverless_cards_say_so(void **state)
{
	machine_card("0000:01:00.0", 0);
	machine_file("lost\n", "sys/bus/pci/devices/0000:01:00.0/state");
	machine_file("it has fallen off the bus\n", "sys/bus/pci/devices/0000:01:00.0/lost_reason");
	machine_remove("sys/bus/pci/devices/0000:01:00.0/hwmon");
	machine_card("0000:03:00.0", 1);
	machine_card("0000:04:00.0", -1);
	expect_screen(
		80, CARDS_80
		"|   0  NPU 1234:4e50 (rev 01)    | 0000:01:00.0    N/A | LOST           0.1.0 |\n"
		"|      N/A  N/A        N/A / N/A |           N/A / N/A | N/A      N/A     N/A |\n"
		"+--------------------------------+---------------------+----------------------+\n"
		"|   1  NPU 1234:4e50 (rev 01)    | 0000:03:00.0    N/A | NO ANSWER      0.1.0 |\n"
		"|      45C  1000MHz   8.4W / 75W |           N/A / N/A | N/A      N/A     N/A |\n"
		"+--------------------------------+---------------------+----------------------+\n"
		"|   -  NPU 1234:4e50 (rev 01)    | 0000:04:00.0    N/A | NO DRIVER        N/A |\n"
		"|      N/A  N/A        N/A / N/A |           N/A / N/A | N/A      N/A     N/A |\n"
		"+--------------------------------+---------------------+----------------------+"
		"\n" NO_PROCESS_80
		"card 0 (0000:01:00.0) is lost: it has fallen off the bus. To start it again, as\n"
		"  root: echo 0000:01:00.0 > /sys/bus/pci/drivers/npu/unbind, then the same into\n"
		"  bind\n"
		"card 1 (0000:03:00.0) did not answer in time; see the kernel log (dmesg)\n"
		"card 0000:04:00.0 is not served: driver npu is loaded, but could not start it\n"
		"  (see the kernel log, dmesg) or was unbound from it. To try again, as root:\n"
		"  echo 0000:04:00.0 > /sys/bus/pci/drivers/npu/bind\n");
}

static void missing_attributes_are_not_available(void **state)
{
	static const char *const gone[] = {"state",	 "uuid",	"serial",
					   "fw_version", "reset_count", "hwmon/hwmon3/temp1_input"};
	char path[128];

	machine_card("0000:02:00.0", 0);
	for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++) {
		snprintf(path, sizeof(path), "sys/bus/pci/devices/0000:02:00.0/%s", gone[i]);
		machine_remove(path);
	}
	machine_file("much\n", "sys/bus/pci/devices/0000:02:00.0/hwmon/hwmon3/power1_average");
	machine_file("12 \n", "sys/bus/pci/devices/0000:02:00.0/hwmon/hwmon3/power1_cap");
	machine_file("\n", "sys/bus/pci/devices/0000:02:00.0/hwmon/hwmon3/freq1_input");
	expect_screen(
		80, CARDS_80
		"|   0  NPU 1234:4e50 (rev 01)    | 0000:02:00.0    N/A | N/A              N/A |\n"
		"|      N/A  N/A        N/A / N/A |           N/A / N/A | N/A      N/A     N/A |\n"
		"+--------------------------------+---------------------+----------------------+"
		"\n" NO_PROCESS_80
		"card 0 (0000:02:00.0): memory, utilisation, queues and ECC are not known:\n"
		"  cannot open /dev/accel/accel1: permission denied: the node is root:render,\n"
		"  mode 0660, and you are nobody (uid 65534); join its group: 'usermod -aG\n"
		"  render nobody' as root, then log in again\n");
}

static void hostile_texts_break_no_border(void **state)
{
	static const char *const texts[] = {
		"\x1b[2J\x1b[31m\n",
		"\xff\xfe\x80\n",
		"|||||||||||||||||||||||||||||||||||||||||||\n",
		"\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5\xe6\x9c\xac"
		"\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5\xe6\x9c\xac\n",
		"a\tb\rc\bd\n",
		"%s%n%s%n\n",
		"\xe2\x80\xae"
		"evil\n",
		"e\xcc\x81\xcc\x81\xcc\x81\n",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		for (size_t terminal = 1; terminal < 210; terminal += 13) {
			char *text;

			machine_card("0000:01:00.0", 0);
			machine_file(texts[i], "sys/bus/pci/devices/0000:01:00.0/fw_version");
			machine_file(texts[i], "sys/bus/pci/devices/0000:01:00.0/state");
			machine_file(texts[i], "sys/module/npu/version");
			machine_process(4321, texts[i], 5, FDINFO("7", "2500000000"));
			text = screen(terminal);
			for (const char *c = text; *c; c++)
				assert_true(*c == '\n' || (unsigned char)*c >= ' ');
			assert_null(strstr(text, "\xe2\x80\xae"));
			check_borders(text);
			free(text);
			machine_remove("sys/bus/pci/devices/0000:01:00.0");
			machine_remove("proc/4321");
		}
	}
}

static void large_numbers_break_no_border(void **state)
{
	char *text;

	machine_card("0123:01:00.0", 1048575);
	machine_file("9223372036854775807\n",
		     "sys/bus/pci/devices/0123:01:00.0/hwmon/hwmon3/temp1_input");
	machine_file("9223372036854775807\n",
		     "sys/bus/pci/devices/0123:01:00.0/hwmon/hwmon3/power1_average");
	machine_file("9223372036854775807\n",
		     "sys/bus/pci/devices/0123:01:00.0/hwmon/hwmon3/power1_cap");
	machine_file("9223372036854775807\n",
		     "sys/bus/pci/devices/0123:01:00.0/hwmon/hwmon3/freq1_input");
	machine_process(2147483647, "x\n", 5,
			"drm-driver: npu\ndrm-pdev: 0123:01:00.0\n"
			"drm-engine-npu: 9223372036854775807 ns\n"
			"drm-resident-device: 9223372036854775807\n");
	text = screen(80);
	check_borders(text);
	free(text);
}

static void the_first_line_is_no_other_tool(void **state)
{
	char *text;

	machine_card("0000:01:00.0", 0);
	text = screen(80);
	/* The screen of another vendor's tool starts with a border, then "| npu-smi". */
	assert_true(text[0] != '+' && text[0] != '|' && strncmp(text, "npu-smi", 7));
	assert_null(strstr(text, "| npu-smi"));
	free(text);
}

static void versions_apart_name_both_and_the_remedy(void **state)
{
	struct report report;

	machine_card("0000:01:00.0", 0);
	machine_file("99.1.2\n", "sys/module/npu/version");
	gather(&report, 0);
	assert_int_equal(report.note_count, 1);
	assert_string_equal(report.notes[0],
			    "driver npu is 99.1.2, npu-smi is " NPU_VERSION
			    ": they work together, but what only one of them knows is not shown; "
			    "install both from one release");
	report_fini(&report);
}

static void another_version_installed_than_loaded(void **state)
{
	struct npu_error error;
	struct report report;

	machine_card("0000:01:00.0", 0);
	assert_int_equal(report_gather(&report, &machine, 0, NULL, 300, &error), 0);
	report.module.installed = true;
	strcpy(report.module.installed_version, "7.0.0");
	assert_int_equal(report_diagnose(&report, &error), 0);
	assert_int_equal(report.note_count, 1);
	assert_string_equal(report.notes[0],
			    "driver npu " NPU_VERSION " is loaded, 7.0.0 is installed: to use the "
			    "installed one, as root: modprobe -r npu && modprobe npu");
	report_fini(&report);
}

static void why_there_is_no_card(void **state)
{
	struct card card = {.bdf = "0000:01:00.0"};
	struct report report = {.module = {.kernel = "6.12.0"}};
	char text[NOTE_MAX];

	report_why_no_card(&report, text);
	assert_non_null(strstr(text, "there is no PCI device 1234:4e50"));
	report.cards = &card;
	report.count = 1;
	report_why_no_card(&report, text);
	assert_string_equal(text,
			    "card 0000:01:00.0 has no driver: npu is not installed for kernel "
			    "6.12.0; install it (by DKMS) for this kernel");
	report.module.installed = true;
	strcpy(report.module.installed_version, "0.1.0");
	report_why_no_card(&report, text);
	assert_string_equal(text, "card 0000:01:00.0 has no driver: npu 0.1.0 is installed but not "
				  "loaded; run 'modprobe npu' as root");
	report.module.loaded = true;
	report_why_no_card(&report, text);
	assert_non_null(strstr(text, "could not start it"));
	strcpy(card.driver, "vfio-pci");
	report_why_no_card(&report, text);
	assert_non_null(strstr(text, "bound to driver vfio-pci"));
}

static void list_is_one_line_for_each_card(void **state)
{
	struct report report;
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	machine_card("0000:01:00.0", 3);
	machine_card("0000:04:00.0", -1);
	gather(&report, 0);
	list_print(out, &report);
	fclose(out);
	report_fini(&report);
	expect_text(text,
		    "NPU 0: NPU 1234:4e50 (rev 01) (0000:01:00.0, /dev/accel/accel3, firmware "
		    "0.1.0, UUID 4e505531-0000-8000-8000-000000000001, OK)\n"
		    "NPU -: NPU 1234:4e50 (rev 01) (0000:04:00.0, no node, firmware N/A, UUID N/A, "
		    "NO DRIVER)\n");
}

/* json-c 0.16 breaks the line in an empty array, 0.18 does not. */
static char *document(struct json_object *object)
{
	char *text = strdup(json_object_to_json_string_ext(
		object, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	char *array = text;

	json_object_put(object);
	assert_non_null(text);
	while ((array = strchr(array, '['))) {
		const char *end;

		array++;
		end = array + strspn(array, "\n ");
		if (*end == ']')
			memmove(array, end, strlen(end) + 1);
	}
	return text;
}

static void list_as_json(void **state)
{
	struct report report;
	char *text;

	machine_card("0000:01:00.0", 3);
	machine_card("0000:04:00.0", -1);
	gather(&report, 0);
	text = document(list_json(&report));
	report_fini(&report);
	expect_text(text, "{\n"
			  "  \"schema\":\"npu-smi-list/1\",\n"
			  "  \"cards\":[\n"
			  "    {\n"
			  "      \"index\":0,\n"
			  "      \"name\":\"NPU 1234:4e50 (rev 01)\",\n"
			  "      \"uuid\":\"4e505531-0000-8000-8000-000000000001\",\n"
			  "      \"bdf\":\"0000:01:00.0\",\n"
			  "      \"node\":\"/dev/accel/accel3\",\n"
			  "      \"firmware\":\"0.1.0\",\n"
			  "      \"serial\":\"0000000000000001\",\n"
			  "      \"health\":\"OK\"\n"
			  "    },\n"
			  "    {\n"
			  "      \"index\":null,\n"
			  "      \"name\":\"NPU 1234:4e50 (rev 01)\",\n"
			  "      \"uuid\":null,\n"
			  "      \"bdf\":\"0000:04:00.0\",\n"
			  "      \"node\":null,\n"
			  "      \"firmware\":null,\n"
			  "      \"serial\":null,\n"
			  "      \"health\":\"NO DRIVER\"\n"
			  "    }\n"
			  "  ]\n"
			  "}");
}

static void grid_as_json(void **state)
{
	struct report report;
	char *text;

	machine_card("0000:01:00.0", 0);
	machine_process(4321, "npu\xff\x1brun\n", 5, FDINFO("7", "2500000000"));
	gather(&report, GATHER_LIVE | GATHER_CLIENTS);
	text = document(grid_json(&report));
	report_fini(&report);
	expect_text(text, "{\n"
			  "  \"schema\":\"npu-smi/1\",\n"
			  "  \"version\":\"" NPU_VERSION "\",\n"
			  "  \"driver_version\":\"" NPU_VERSION "\",\n"
			  "  \"kernel\":\"6.12.0\",\n"
			  "  \"cards\":[\n"
			  "    {\n"
			  "      \"index\":0,\n"
			  "      \"name\":\"NPU 1234:4e50 (rev 01)\",\n"
			  "      \"bdf\":\"0000:01:00.0\",\n"
			  "      \"node\":\"/dev/accel/accel0\",\n"
			  "      \"uuid\":\"4e505531-0000-8000-8000-000000000001\",\n"
			  "      \"serial\":\"0000000000000001\",\n"
			  "      \"pci_revision\":1,\n"
			  "      \"numa_node\":null,\n"
			  "      \"driver\":\"npu\",\n"
			  "      \"driver_version\":\"" NPU_VERSION "\",\n"
			  "      \"firmware\":\"0.1.0\",\n"
			  "      \"health\":\"OK\",\n"
			  "      \"state\":\"live\",\n"
			  "      \"reset_count\":2,\n"
			  "      \"temperature_c\":45.25,\n"
			  "      \"power_w\":8.412,\n"
			  "      \"power_cap_w\":75,\n"
			  "      \"energy_j\":123.456789,\n"
			  "      \"clock_mhz\":1000,\n"
			  "      \"clock_max_mhz\":1200,\n"
			  "      \"throttle\":\"none\",\n"
			  "      \"memory_used_bytes\":12582912,\n"
			  "      \"memory_total_bytes\":1073741824,\n"
			  "      \"tensor_busy_percent\":23.4,\n"
			  "      \"copy_busy_percent\":0.6,\n"
			  "      \"queues\":3,\n"
			  "      \"ecc_corrected\":5,\n"
			  "      \"ecc_uncorrected\":0,\n"
			  "      \"uptime_s\":90\n"
			  "    }\n"
			  "  ],\n"
			  "  \"processes\":[\n"
			  "    {\n"
			  "      \"index\":0,\n"
			  "      \"bdf\":\"0000:01:00.0\",\n"
			  "      \"pid\":4321,\n"
			  "      \"process\":\"npu\\\\xff\\u001brun\",\n"
			  "      \"device_memory_bytes\":4194304,\n"
			  "      \"system_memory_bytes\":65536,\n"
			  "      \"engine_ns\":2500000000,\n"
			  "      \"busy_percent\":0\n"
			  "    }\n"
			  "  ],\n"
			  "  \"processes_hidden\":false,\n"
			  "  \"notes\":[]\n"
			  "}");
}

static void query_as_text_csv_and_json(void **state)
{
	struct npu_error error;
	struct report report;
	struct query query;
	char *text;
	size_t size;
	FILE *out;

	machine_card("0000:01:00.0", 0);
	machine_card("0000:04:00.0", -1);
	machine_file("1,\"2\"\n", "sys/bus/pci/devices/0000:01:00.0/fw_version");
	assert_int_equal(query_parse(&query, "index,firmware,memory_used_bytes", &error), 0);
	assert_true(query.live);
	gather(&report, GATHER_LIVE);
	out = open_memstream(&text, &size);
	query_print(out, &query, &report);
	fclose(out);
	expect_text(text, "index                0\n"
			  "firmware             1,\"2\"\n"
			  "memory_used_bytes    12582912\n"
			  "\n"
			  "index                N/A\n"
			  "firmware             N/A\n"
			  "memory_used_bytes    N/A\n");
	out = open_memstream(&text, &size);
	query_print_csv(out, &query, &report);
	fclose(out);
	expect_text(text, "index,firmware,memory_used_bytes\n"
			  "0,\"1,\"\"2\"\"\",12582912\n"
			  "N/A,N/A,N/A\n");
	text = document(query_json(&query, &report));
	expect_text(text, "{\n"
			  "  \"schema\":\"npu-smi-query/1\",\n"
			  "  \"cards\":[\n"
			  "    {\n"
			  "      \"index\":0,\n"
			  "      \"firmware\":\"1,\\\"2\\\"\",\n"
			  "      \"memory_used_bytes\":12582912\n"
			  "    },\n"
			  "    {\n"
			  "      \"index\":null,\n"
			  "      \"firmware\":null,\n"
			  "      \"memory_used_bytes\":null\n"
			  "    }\n"
			  "  ]\n"
			  "}");
	report_fini(&report);
}

static void fields_that_do_not_exist_are_named(void **state)
{
	struct npu_error error;
	struct query query;

	assert_int_equal(query_parse(&query, "name,colour", &error), -EINVAL);
	assert_non_null(strstr(error.text, "there is no field 'colour'"));
	assert_int_equal(query_parse(&query, "", &error), -EINVAL);
	assert_int_equal(query_parse(&query, "name,", &error), -EINVAL);
	assert_int_equal(query_parse(&query, "nam", &error), -EINVAL);
	assert_int_equal(query_parse(&query, NULL, &error), 0);
	assert_int_equal(query.count, field_count);
	assert_int_equal(query_parse(&query, "uuid,name", &error), 0);
	assert_false(query.live);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, machine_setup, machine_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(one_card_and_its_process),
		TEST(a_card_without_permission_is_not_zero),
		TEST(wide_terminals_give_names_room),
		TEST(lost_hanging_and_driverless_cards_say_so),
		TEST(missing_attributes_are_not_available),
		TEST(hostile_texts_break_no_border),
		TEST(large_numbers_break_no_border),
		TEST(the_first_line_is_no_other_tool),
		TEST(versions_apart_name_both_and_the_remedy),
		TEST(another_version_installed_than_loaded),
		TEST(why_there_is_no_card),
		TEST(list_is_one_line_for_each_card),
		TEST(list_as_json),
		TEST(grid_as_json),
		TEST(query_as_text_csv_and_json),
		TEST(fields_that_do_not_exist_are_named),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
