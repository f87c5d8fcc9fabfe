// SPDX-License-Identifier: BSD-3-Clause
// Copyright The npu authors
/*
 * The event loop of the management core. No interrupt handlers: the loop
 * sleeps until something is pending and then looks at each source, so nothing
 * in the firmware ever runs concurrently with anything else.
 */
#include "main.h"

#include <abi/npu_mgmt.h>
#include <abi/npu_regs.h>

#include "admin.h"
#include "context.h"
#include "hal.h"
#include "log.h"
#include "queue.h"
#include "scheduler.h"
#include "telemetry.h"
#include "version.h"

#define HEARTBEAT_NS	50000000ULL	/* the card wants one each 100 ms */
#define SLICE_NS	1000000ULL	/* while queues wait for slots */

static uint32_t heartbeat;
static uint64_t heartbeat_due;

void firmware_init(void)
{
	log_init();
	context_init();
	queue_init();
	scheduler_init();
	admin_init();
	governor_init();
	heartbeat = 0;
	heartbeat_due = 0;
	hal_write(NPU_MG_HOST_FW_VERSION, FIRMWARE_VERSION);
	hal_write(NPU_MG_ENABLE, NPU_MG_INT_TIMER | NPU_MG_INT_ADMIN | NPU_MG_INT_DOORBELL |
				 NPU_MG_INT_SLOT);
	log_line("npu firmware %u.%u.%u %s", (unsigned int)(FIRMWARE_VERSION >> 24),
		 (unsigned int)(FIRMWARE_VERSION >> 16 & 0xff), (unsigned int)(FIRMWARE_VERSION & 0xffff),
		 FIRMWARE_BUILD_ID);
	hal_write(NPU_MG_HOST_READY, 1);
}

static void beat(uint64_t now)
{
	if (now < heartbeat_due)
		return;
	heartbeat_due = now + HEARTBEAT_NS;
	hal_write(NPU_MG_HOST_HEARTBEAT, ++heartbeat);
	governor_run();
	queue_check_deadlines(now);
}

void firmware_step(void)
{
	const uint32_t pending = hal_read(NPU_MG_PENDING);
	uint64_t now, timer;

	/* Cleared before looking: what comes meanwhile is pending again. */
	hal_write(NPU_MG_PENDING, pending);
	if (pending & NPU_MG_INT_ADMIN)
		admin_serve();
	if (pending & NPU_MG_INT_SLOT)
		scheduler_slot_events();
	if (pending & NPU_MG_INT_DOORBELL)
		scheduler_doorbells();
	now = hal_read64(NPU_MG_TIME_LO);
	timer = scheduler_run(now) ? now + SLICE_NS : heartbeat_due;
	beat(now);
	if (timer > heartbeat_due || timer <= now)
		timer = heartbeat_due;
	hal_write64(NPU_MG_TIMER_LO, timer);
}

void firmware_main(void)
{
	firmware_init();
	for (;;) {
		firmware_step();
		hal_wait();
	}
}
