// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* Buffers in both memories, seen by host and card. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.h"

static bool all(const uint8_t *data, size_t size, uint8_t value)
{
	for (size_t i = 0; i < size; i++)
		if (data[i] != value)
			return false;
	return true;
}

static void host_reads_what_it_writes(struct rig *r)
{
	static const struct {
		uint32_t place;
		const char *name;
	} places[] = {
		{ NPU_BUFFER_SYSTEM, "system" },
		{ NPU_BUFFER_DEVICE, "device" },
		{ NPU_BUFFER_SYSTEM | NPU_BUFFER_DEVICE, "either" },
	};
	static const uint64_t sizes[] = { 1, 4096, 4097, 3 << 20 };

	for (size_t p = 0; p < 3; p++) {
		for (size_t s = 0; s < 4; s++) {
			void *data, *again;
			struct npu_buffer *b = rig_buffer(r, sizes[s], places[p].place, &data);
			uint64_t size = npu_buffer_size(b);
			uint8_t *bytes = data;

			tap(size >= sizes[s] && size % 4096 == 0 && size < sizes[s] + 4096 &&
				    all(bytes, size, 0),
			    "%s memory, %llu bytes: whole pages of zeros", places[p].name,
			    (unsigned long long)sizes[s]);
			for (uint64_t i = 0; i < size; i += 509)
				bytes[i] = (uint8_t)(i / 509);
			bytes[size - 1] = 0xa5;
			npu_buffer_map(b, &again, NULL);
			tap(again == data && bytes[size - 1] == 0xa5 && bytes[509] == 1,
			    "and they keep what is written");
			npu_buffer_unref(b);
		}
	}
}

/* What one buffer held must not shine through in the next. */
static void memory_is_zero_again(struct rig *r, uint32_t place, const char *name)
{
	bool good = true;
	void *data;

	for (int i = 0; i < 8; i++) {
		struct npu_buffer *b = rig_buffer(r, 256 << 10, place, &data);

		good = good && all(data, 256 << 10, 0);
		memset(data, 0xee, 256 << 10);
		npu_buffer_unref(b);
	}
	tap(good, "%s memory is zero when it comes back", name);
}

static int copy(struct rig *r, struct npu_buffer *to, uint64_t to_offset, struct npu_buffer *from,
		uint64_t from_offset, uint64_t size)
{
	struct npu_job *job;
	int ret = npu_submit_copy(r->queue, to, to_offset, from, from_offset, size, NULL, &job,
				  &r->error);

	return ret ? ret : rig_finish(r, job);
}

static void card_copies(struct rig *r)
{
	static const struct {
		uint32_t to, from, size;
	} cases[] = {
		{ 0, 0, RIG_SIZE }, { 1, 0, 1 }, { 4095, 3, 4098 }, { 7, 4093, 65537 },
		{ RIG_SIZE - 1, RIG_SIZE - 1, 1 }, { 2, 1, 3 },
	};
	void *data;
	struct npu_buffer *back = rig_buffer(r, RIG_SIZE, NPU_BUFFER_SYSTEM, &data);
	uint8_t *result = data;

	for (uint32_t i = 0; i < RIG_SIZE; i++)
		r->system_data[i] = (uint8_t)(i * 7 + (i >> 8));
	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		uint32_t to = cases[c].to, from = cases[c].from, size = cases[c].size;
		int ret;

		memset(result, 0x11, RIG_SIZE);
		ret = copy(r, r->memory, to, r->system, from, size);
		if (!ret)
			ret = copy(r, back, to, r->memory, to, size);
		tap_ret(ret, 0, r->error.text, "%u bytes go from %u to %u on the card, and back", size,
			from, to);
		tap(!memcmp(result + to, r->system_data + from, size) && all(result, to, 0x11) &&
			    all(result + to + size, RIG_SIZE - to - size, 0x11),
		    "they and no others arrive");
	}
	/* Host and card see the same device memory. */
	memset(r->memory_data, 0x42, 4096);
	tap_ret(copy(r, back, 0, r->memory, 0, 4096), 0, r->error.text,
		"what the host wrote into device memory is copied");
	tap(all(result, 4096, 0x42), "and arrives");
	npu_buffer_unref(back);
}

static void card_fills(struct rig *r)
{
	struct npu_job *job;
	int ret;

	memset(r->memory_data, 0, 4096);
	ret = npu_submit_fill(r->queue, r->memory, 8, 1000, 0xdeadbeef, NULL, &job, &r->error);
	if (!ret)
		ret = rig_finish(r, job);
	tap_ret(ret, 0, r->error.text, "the card fills memory");
	tap(all(r->memory_data, 8, 0) && !memcmp(r->memory_data + 8, "\xef\xbe\xad\xde", 4) &&
		    !memcmp(r->memory_data + 1004, "\xef\xbe\xad\xde\0", 5),
	    "and stops where it should");
}

static void wrong_buffers_are_refused(struct rig *r)
{
	struct npu_buffer *b;

	tap_ret(npu_buffer_create(r->context, 0, NPU_BUFFER_SYSTEM, &b, &r->error), -EINVAL, NULL,
		"no bytes");
	tap_ret(npu_buffer_create(r->context, 4096, 0, &b, &r->error), -EINVAL, NULL, "no place");
	tap_ret(npu_buffer_create(r->context, UINT64_MAX, NPU_BUFFER_SYSTEM, &b, &r->error), -ENOMEM,
		NULL, "2^64 - 1 bytes");
	tap(npu_buffer_create(r->context, 1ULL << 44, NPU_BUFFER_DEVICE, &b, &r->error) < 0,
	    "more than the card has: %s", r->error.text);
}

/* Device memory runs out with a clear error, and comes back. */
static void device_memory_runs_out(struct rig *r)
{
	enum { STEP = 32 << 20, MAX = 256 };
	struct npu_buffer *held[MAX];
	struct npu_memory_info before, after;
	int n = 0, ret = 0;

	npu_device_memory(r->device, &before, NULL);
	while (n < MAX &&
	       !(ret = npu_buffer_create(r->context, STEP, NPU_BUFFER_DEVICE, &held[n], &r->error)))
		n++;
	tap(n > 0 && n < MAX && (ret == -ENOSPC || ret == -ENOMEM),
	    "after %d buffers of %d MiB: %d, %s", n, STEP >> 20, ret, r->error.text);
	while (n)
		npu_buffer_unref(held[--n]);
	ret = npu_buffer_create(r->context, STEP, NPU_BUFFER_DEVICE, &held[0], &r->error);
	if (tap_ret(ret, 0, r->error.text, "then there is room again"))
		npu_buffer_unref(held[0]);
	/* Memory of closed buffers is given back once the card is done with it. */
	for (int i = 0; i < 50; i++) {
		npu_device_memory(r->device, &after, NULL);
		if (after.device_used <= before.device_used)
			break;
		usleep(20000);
	}
	tap(after.device_used <= before.device_used, "%llu bytes were in use before, %llu now",
	    (unsigned long long)before.device_used, (unsigned long long)after.device_used);
}

int main(void)
{
	struct rig r;

	rig_init(&r);
	host_reads_what_it_writes(&r);
	memory_is_zero_again(&r, NPU_BUFFER_SYSTEM, "system");
	memory_is_zero_again(&r, NPU_BUFFER_DEVICE, "device");
	card_copies(&r);
	card_fills(&r);
	wrong_buffers_are_refused(&r);
	device_memory_runs_out(&r);
	rig_fini(&r);
	return tap_end();
}
