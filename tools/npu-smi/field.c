// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "field.h"

#include <inttypes.h>
#include <string.h>

static void text(struct field_value *value, const char *from)
{
	if (!*from)
		return;
	value->kind = FIELD_TEXT;
	snprintf(value->text, sizeof(value->text), "%s", from);
}

static void integer(struct field_value *value, struct quantity from)
{
	value->kind = from.known ? FIELD_INTEGER : FIELD_UNKNOWN;
	value->integer = from.value;
}

static void real(struct field_value *value, struct quantity from, double unit)
{
	value->kind = from.known ? FIELD_REAL : FIELD_UNKNOWN;
	value->real = (double)from.value / unit;
}

#define GETTER(name) \
	static void get_##name(const struct report *r, const struct card *c, struct field_value *v)

GETTER(index)
{
	integer(v, (struct quantity){c->served, c->index});
}

GETTER(name)
{
	text(v, c->name);
}

GETTER(bdf)
{
	text(v, c->bdf);
}

GETTER(node)
{
	text(v, c->node);
}

GETTER(uuid)
{
	text(v, c->sample.uuid);
}

GETTER(serial)
{
	text(v, c->sample.serial);
}

GETTER(pci_revision)
{
	integer(v, quantity_of(c->revision));
}

GETTER(numa_node)
{
	integer(v, c->numa_node);
}

GETTER(driver)
{
	text(v, c->driver);
}

GETTER(driver_version)
{
	if (c->served)
		text(v, r->module.loaded_version);
}

GETTER(firmware)
{
	text(v, c->sample.firmware);
}

GETTER(health)
{
	char word[24];

	text(v, card_health(c, word));
}

GETTER(state)
{
	text(v, c->sample.state);
}

GETTER(reset_count)
{
	integer(v, c->sample.reset_count);
}

GETTER(temperature_c)
{
	real(v, c->sample.temperature_mc, 1e3);
}

GETTER(power_w)
{
	real(v, c->sample.power_uw, 1e6);
}

GETTER(power_cap_w)
{
	real(v, c->sample.power_cap_uw, 1e6);
}

GETTER(energy_j)
{
	real(v, c->sample.energy_uj, 1e6);
}

GETTER(clock_mhz)
{
	real(v, c->sample.clock_hz, 1e6);
}

GETTER(clock_max_mhz)
{
	real(v, c->sample.live.clock_max_hz, 1e6);
}

GETTER(throttle)
{
	static const char *const words[] = {"none", "power", "thermal", "power,thermal"};
	struct quantity throttle = c->sample.live.throttle;

	if (throttle.known)
		text(v, words[throttle.value & (NPU_THROTTLE_POWER | NPU_THROTTLE_THERMAL)]);
}

GETTER(memory_used_bytes)
{
	integer(v, c->sample.live.memory_used);
}

GETTER(memory_total_bytes)
{
	integer(v, c->sample.live.memory_total);
}

GETTER(tensor_busy_percent)
{
	real(v, c->sample.live.tensor_permille, 10);
}

GETTER(copy_busy_percent)
{
	real(v, c->sample.live.copy_permille, 10);
}

GETTER(queues)
{
	integer(v, c->sample.live.queues);
}

GETTER(ecc_corrected)
{
	integer(v, c->sample.live.ecc_corrected);
}

GETTER(ecc_uncorrected)
{
	integer(v, c->sample.live.ecc_uncorrected);
}

GETTER(uptime_s)
{
	real(v, c->sample.live.uptime_ns, 1e9);
}

/* Names are for ever: a key never changes its meaning (npu-smi(1)). */
#define FIELD(name, live, help)               \
	{                                     \
#name, help, live, get_##name \
	}
const struct field fields[] = {
	FIELD(index, false, "position among the cards that the driver serves, from 0"),
	FIELD(name, false, "of the machine's list of PCI IDs, or made of the ID"),
	FIELD(bdf, false, "PCI address"),
	FIELD(node, false, "device node"),
	FIELD(uuid, false, "derives from the serial number"),
	FIELD(serial, false, "serial number"),
	FIELD(pci_revision, false, "PCI revision"),
	FIELD(numa_node, false, "NUMA node that the card is near to"),
	FIELD(driver, false, "driver that is bound to the card"),
	FIELD(driver_version, false, "version of the loaded module"),
	FIELD(firmware, false, "version of the running firmware"),
	FIELD(health, false, "OK, LOST, NO ANSWER, NO DRIVER, or the driver's state in capitals"),
	FIELD(state, false, "the driver's word for the card's state"),
	FIELD(reset_count, false, "resets since the card has power"),
	FIELD(temperature_c, false, "degrees Celsius"),
	FIELD(power_w, false, "watts, averaged"),
	FIELD(power_cap_w, false, "watts"),
	FIELD(energy_j, false, "joules since the firmware booted"),
	FIELD(clock_mhz, false, "clock of the tensor engines, MHz"),
	FIELD(clock_max_mhz, true, "largest clock, MHz"),
	FIELD(throttle, true, "why the clock is lowered: none; power, thermal (by comma)"),
	FIELD(memory_used_bytes, true, "device memory in use, by all processes"),
	FIELD(memory_total_bytes, true, "device memory"),
	FIELD(tensor_busy_percent, true,
	      "time that the tensor engines were busy, of the last 0.2 s"),
	FIELD(copy_busy_percent, true, "likewise of the copy engines"),
	FIELD(queues, true, "queues that exist"),
	FIELD(ecc_corrected, true, "memory errors that were corrected"),
	FIELD(ecc_uncorrected, true, "memory errors that could not be"),
	FIELD(uptime_s, true, "seconds since the firmware booted"),
};
const size_t field_count = sizeof(fields) / sizeof(fields[0]);

const struct field *field_find(const char *name, size_t length)
{
	for (size_t i = 0; i < field_count; i++) {
		if (strlen(fields[i].name) == length && !strncmp(fields[i].name, name, length))
			return &fields[i];
	}
	return NULL;
}

static void get(const struct field *field, const struct report *report, const struct card *card,
		struct field_value *value)
{
	value->kind = FIELD_UNKNOWN;
	field->get(report, card, value);
}

void field_text(const struct field *field, const struct report *report, const struct card *card,
		char *out, size_t size)
{
	struct field_value value;

	get(field, report, card, &value);
	switch (value.kind) {
	case FIELD_UNKNOWN:
		snprintf(out, size, "N/A");
		break;
	case FIELD_TEXT:
		snprintf(out, size, "%s", value.text);
		break;
	case FIELD_INTEGER:
		snprintf(out, size, "%" PRId64, value.integer);
		break;
	case FIELD_REAL:
		snprintf(out, size, "%.9g", value.real);
		break;
	}
}

void field_add_json(struct json_object *object, const struct field *field,
		    const struct report *report, const struct card *card)
{
	struct field_value value;

	get(field, report, card, &value);
	switch (value.kind) {
	case FIELD_UNKNOWN:
		json_add_null(object, field->name);
		break;
	case FIELD_TEXT:
		json_add_text(object, field->name, value.text);
		break;
	case FIELD_INTEGER:
		json_add_integer(object, field->name, value.integer);
		break;
	case FIELD_REAL:
		json_add_real(object, field->name, value.real);
		break;
	}
}

struct json_object *field_json_card(const struct report *report, const struct card *card)
{
	struct json_object *object = json_object_new_object();

	for (size_t i = 0; i < field_count; i++)
		field_add_json(object, &fields[i], report, card);
	return object;
}

void field_help(FILE *out)
{
	for (size_t i = 0; i < field_count; i++)
		fprintf(out, "%-20s %s%s\n", fields[i].name, fields[i].help,
			fields[i].live ? " (needs permission)" : "");
}
