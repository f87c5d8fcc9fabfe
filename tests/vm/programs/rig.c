// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "rig.h"

#include <string.h>
#include <time.h>

struct npu_buffer *rig_buffer(struct rig *r, uint64_t size, uint32_t place, void **data)
{
	struct npu_buffer *buffer;

	if (npu_buffer_create(r->context, size, place | NPU_BUFFER_MAPPABLE, &buffer, &r->error) ||
	    npu_buffer_map(buffer, data, &r->error))
		tap_bail("%s", r->error.text);
	return buffer;
}

void rig_init(struct rig *r)
{
	void *data;

	memset(r, 0, sizeof(*r));
	if (npu_open(0, &r->device, &r->error) ||
	    npu_context_create(r->device, &r->context, &r->error) ||
	    npu_queue_create(r->context, NPU_QUEUE_NORMAL, &r->queue, &r->error))
		tap_bail("%s", r->error.text);
	r->system = rig_buffer(r, RIG_SIZE, NPU_BUFFER_SYSTEM, &data);
	r->system_data = data;
	r->memory = rig_buffer(r, RIG_SIZE, NPU_BUFFER_DEVICE, &data);
	r->memory_data = data;
}

void rig_fini(struct rig *r)
{
	npu_queue_unref(r->queue);
	npu_buffer_unref(r->system);
	npu_buffer_unref(r->memory);
	npu_context_unref(r->context);
	npu_device_unref(r->device);
}

int rig_finish(struct rig *r, struct npu_job *job)
{
	int ret = npu_job_wait(job, NPU_WAIT_FOREVER, &r->error);

	npu_job_unref(job);
	return ret;
}

void rig_packet(struct rig *r, uint32_t offset, const void *packet)
{
	memcpy(r->system_data + offset, packet, NPU_PACKET_SIZE);
}

struct npu_job *rig_gate(struct rig *r, struct npu_queue *queue, uint32_t offset, uint32_t word)
{
	const struct npu_packet_fence_wait wait = {
		.header = { .opcode = NPU_PACKET_FENCE_WAIT },
		.address = npu_buffer_address(r->system) + word,
		.value = 1,
		.mask = UINT64_MAX,
		.compare = NPU_COMPARE_EQ,
	};
	struct npu_job *job;

	memset(r->system_data + word, 0, 8);
	rig_packet(r, offset, &wait);
	if (npu_submit_packets(queue, r->system, offset, 1, NULL, &job, &r->error))
		tap_bail("%s", r->error.text);
	return job;
}

void rig_open_gate(struct rig *r, uint32_t word)
{
	__atomic_store_n((uint64_t *)(r->system_data + word), 1, __ATOMIC_RELEASE);
}

int64_t rig_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}
