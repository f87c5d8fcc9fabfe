// SPDX-License-Identifier: BSD-3-Clause
// Copyright The npu authors
#include "admin.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <abi/npu_admin.h>
#include <abi/npu_mgmt.h>
#include <abi/npu_regs.h>

#include "context.h"
#include "dma.h"
#include "hal.h"
#include "log.h"
#include "queue.h"
#include "telemetry.h"
#include "version.h"

static struct {
	bool known;		/* what follows is of this epoch */
	bool enabled;
	uint32_t epoch;
	uint64_t sq;
	uint64_t cq;
	uint32_t size;
	uint32_t head;		/* commands taken, modulo 2^32 */
	uint32_t completed;	/* completions written, modulo 2^32 */
} admin;

/* Two parts of an entry: the phase must not be seen before the payload. */
static struct npu_admin_command command;
static struct npu_admin_completion completion;
static char text[2048];

void admin_init(void)
{
	memset(&admin, 0, sizeof(admin));
}

uint32_t admin_epoch(void)
{
	return admin.epoch;
}

void admin_complete(uint16_t tag, uint8_t status, const void *payload, uint32_t size)
{
	const uint32_t first = offsetof(struct npu_admin_completion, payload);
	uint64_t at;

	if (!admin.enabled)
		return;
	at = admin.cq + (uint64_t)(admin.completed & (admin.size - 1)) * NPU_ADMIN_ENTRY_SIZE;
	memset(&completion, 0, sizeof(completion));
	completion.tag = tag;
	completion.status = status;
	completion.phase = 1 ^ (admin.completed / admin.size & 1);
	if (size)
		memcpy(completion.payload, payload, size);
	if (dma_to_host(at + first, completion.payload, sizeof(completion.payload)))
		dma_to_host(at, &completion, first);
	admin.completed++;
	hal_write(NPU_MG_HOST_IRQ, NPU_IRQ_ADMIN);
}

static bool zero_from(uint32_t offset)
{
	for (uint32_t i = offset; i < sizeof(command.payload); i++) {
		if (command.payload[i])
			return false;
	}
	return true;
}

static void identify(void)
{
	struct npu_admin_identify_result r = {
		.fw_version = FIRMWARE_VERSION, .abi_min = FIRMWARE_ABI, .abi_max = FIRMWARE_ABI,
		.security_version = FIRMWARE_SECURITY_VERSION,
		.max_queues = hal_read(NPU_MG_QUEUES), .max_contexts = hal_read(NPU_MG_CONTEXTS),
	};

	memcpy(r.build_id, FIRMWARE_BUILD_ID, strnlen(FIRMWARE_BUILD_ID, sizeof(r.build_id)));
	admin_complete(command.tag, NPU_ADMIN_STATUS_OK, &r, sizeof(r));
}

static void context(void)
{
	struct npu_admin_context_args a;
	uint8_t status = NPU_ADMIN_STATUS_INVALID;

	memcpy(&a, command.payload, sizeof(a));
	if (!a.mbz && zero_from(sizeof(a))) {
		if (command.opcode == NPU_ADMIN_CONTEXT_CREATE)
			status = context_create(a.context, a.root);
		else if (!a.root)
			status = context_destroy(a.context);
	}
	admin_complete(command.tag, status, NULL, 0);
}

static void create_queue(void)
{
	struct npu_admin_queue_create_args a;
	uint8_t status = NPU_ADMIN_STATUS_INVALID;

	memcpy(&a, command.payload, sizeof(a));
	if (zero_from(sizeof(a)))
		status = queue_create(&a);
	admin_complete(command.tag, status, NULL, 0);
}

static void on_queue(void)
{
	struct npu_admin_queue_result result;
	struct npu_admin_queue_args a;
	uint8_t status = NPU_ADMIN_STATUS_INVALID;

	memcpy(&a, command.payload, sizeof(a));
	memset(&result, 0, sizeof(result));
	if (!a.mbz && zero_from(sizeof(a)) &&
	    !queue_command(command.opcode, command.tag, a.queue, &status, &result))
		return;
	admin_complete(command.tag, status, &result, sizeof(result));
}

static void set_queue(void)
{
	struct npu_admin_queue_set_args a;
	struct npu_admin_queue_result result = { 0 };
	uint8_t status = NPU_ADMIN_STATUS_INVALID;

	memcpy(&a, command.payload, sizeof(a));
	if (zero_from(sizeof(a)))
		status = queue_set(&a, &result);
	admin_complete(command.tag, status, &result, sizeof(result));
}

static void invalidate(void)
{
	struct npu_admin_tlb_args a;
	uint8_t status = NPU_ADMIN_STATUS_INVALID;

	memcpy(&a, command.payload, sizeof(a));
	if (!a.mbz && zero_from(sizeof(a)))
		status = context_invalidate(a.context, a.va, a.size);
	admin_complete(command.tag, status, NULL, 0);
}

static void write_buffer(void)
{
	struct npu_admin_buffer_result result = { 0 };
	struct npu_admin_buffer_args a;
	struct npu_telemetry telemetry;
	uint8_t status = NPU_ADMIN_STATUS_OK;

	memcpy(&a, command.payload, sizeof(a));
	if (a.mbz || a.address % 64 || !a.size || !zero_from(sizeof(a))) {
		admin_complete(command.tag, NPU_ADMIN_STATUS_INVALID, NULL, 0);
		return;
	}
	if (command.opcode == NPU_ADMIN_TELEMETRY) {
		telemetry_fill(&telemetry);
		memcpy(text, &telemetry, sizeof(telemetry));
		result.written = a.size < sizeof(telemetry) ? a.size : sizeof(telemetry);
	} else {
		uint64_t cursor = a.cursor;

		result.written = log_copy(&cursor, text,
					  a.size < sizeof(text) ? a.size : sizeof(text));
		result.cursor = cursor;
	}
	if (result.written && !dma_to_host(a.address, text, result.written)) {
		memset(&result, 0, sizeof(result));
		status = NPU_ADMIN_STATUS_DMA;
	}
	admin_complete(command.tag, status, &result, sizeof(result));
}

static void execute(void)
{
	if (command.flags || command.mbz) {
		admin_complete(command.tag, NPU_ADMIN_STATUS_INVALID, NULL, 0);
		return;
	}
	switch (command.opcode) {
	case NPU_ADMIN_IDENTIFY:
		if (zero_from(0))
			identify();
		else
			admin_complete(command.tag, NPU_ADMIN_STATUS_INVALID, NULL, 0);
		break;
	case NPU_ADMIN_CONTEXT_CREATE:
	case NPU_ADMIN_CONTEXT_DESTROY:
		context();
		break;
	case NPU_ADMIN_QUEUE_CREATE:
		create_queue();
		break;
	case NPU_ADMIN_QUEUE_DESTROY:
	case NPU_ADMIN_QUEUE_SUSPEND:
	case NPU_ADMIN_QUEUE_RESUME:
	case NPU_ADMIN_QUEUE_KILL:
	case NPU_ADMIN_QUEUE_QUERY:
		on_queue();
		break;
	case NPU_ADMIN_QUEUE_SET:
		set_queue();
		break;
	case NPU_ADMIN_TLB_INVALIDATE:
		invalidate();
		break;
	case NPU_ADMIN_TELEMETRY:
	case NPU_ADMIN_LOG_READ:
		write_buffer();
		break;
	default:
		admin_complete(command.tag, NPU_ADMIN_STATUS_UNKNOWN, NULL, 0);
	}
}

/*
 * Follows ADMIN_CTRL; false while there are no rings. The driver can disable
 * and enable in less time than a look takes, so the epoch tells whether these
 * are still the rings that were read.
 */
static bool enabled(void)
{
	const uint32_t control = hal_read(NPU_MG_ADMIN_CTRL);
	const uint32_t epoch = control >> 16;

	if (!(control & NPU_ADMIN_ENABLE)) {
		admin.known = admin.enabled = false;
		admin.epoch = epoch;
		return false;
	}
	if (admin.known && admin.epoch == epoch)
		return admin.enabled;
	memset(&admin, 0, sizeof(admin));
	admin.epoch = epoch;
	admin.sq = hal_read64(NPU_MG_ADMIN_SQ_LO);
	admin.cq = hal_read64(NPU_MG_ADMIN_CQ_LO);
	admin.size = hal_read(NPU_MG_ADMIN_SIZE);
	/* Changed while it was read: the interrupt that says so is pending. */
	if (hal_read(NPU_MG_ADMIN_CTRL) != control)
		return false;
	admin.known = true;
	admin.enabled = admin.size >= NPU_ADMIN_SIZE_MIN && admin.size <= NPU_ADMIN_SIZE_MAX &&
			!(admin.size & (admin.size - 1)) && !(admin.sq % 4096) && !(admin.cq % 4096);
	if (!admin.enabled)
		log_line("admin queue refused: %u entries", (unsigned int)admin.size);
	return admin.enabled;
}

void admin_serve(void)
{
	uint32_t tail;

	if (!enabled())
		return;
	tail = hal_read(NPU_MG_ADMIN_TAIL);
	if (tail - admin.head > admin.size) {
		log_line("admin tail %u is beyond the ring, dropped", (unsigned int)tail);
		admin.head = tail;
	}
	while (admin.head != tail) {
		const uint64_t at = admin.sq + (uint64_t)(admin.head & (admin.size - 1)) *
					       NPU_ADMIN_ENTRY_SIZE;

		admin.head++;
		if (dma_from_host(&command, at, sizeof(command)))
			execute();
		else
			log_line("admin ring does not answer");
	}
}
