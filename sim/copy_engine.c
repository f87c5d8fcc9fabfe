// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/* COPY and FILL, in pieces so that they can be cancelled. */
#include "work_engine.h"

#include <errno.h>
#include <string.h>

#include "card_internal.h"

#define PIECE	(256u << 10)

/* Length of the next piece: up to the next multiple of PIECE of the destination. */
static uint64_t piece(uint64_t va, uint64_t left)
{
	const uint64_t room = PIECE - va % PIECE;

	return left < room ? left : room;
}

/* Unmaps after a copy that returned ret; the first error counts. */
static int release(struct card *card, struct work_job *job, struct mmu_window *window, int ret)
{
	struct mmu_fault fault;

	if (mmu_unmap(card->mmu, window, &fault) && !ret) {
		job->fault = fault;
		ret = -EFAULT;
	}
	return ret;
}

static int copy_piece(struct card *card, struct work_job *job, uint64_t from, uint64_t to,
		      uint64_t size)
{
	struct mmu_window source, destination;
	int ret;

	ret = mmu_map(card->mmu, &job->access, from, size, false, &source, &job->fault);
	if (ret)
		return ret;
	ret = mmu_map(card->mmu, &job->access, to, size, true, &destination, &job->fault);
	if (!ret) {
		/* Two addresses can stand for the same memory. */
		memmove(destination.data, source.data, size);
		ret = release(card, job, &destination, ret);
	}
	return release(card, job, &source, ret);
}

static int fill_piece(struct card *card, struct work_job *job, uint64_t to, uint64_t size)
{
	struct mmu_window window;
	uint32_t *words;
	int ret;

	ret = mmu_map(card->mmu, &job->access, to, size, true, &window, &job->fault);
	if (ret)
		return ret;
	words = window.data;
	for (uint64_t i = 0; i < size / 4; i++)
		words[i] = job->packet.fill.pattern;
	return release(card, job, &window, 0);
}

void copy_execute(struct card *card, struct work_job *job)
{
	const bool copy = job->packet.header.opcode == NPU_PACKET_COPY;
	const uint64_t to = copy ? job->packet.copy.destination : job->packet.fill.destination;
	const uint64_t size = copy ? job->packet.copy.size : job->packet.fill.size;
	uint64_t done = 0;
	int ret = 0;

	while (done < size && !ret) {
		const uint64_t part = piece(to + done, size - done);

		if (!work_job_yield(job)) {
			job->error = NPU_QUEUE_ERROR_KILLED;
			break;
		}
		mmu_enter(card->mmu, job->access.context);
		ret = copy ? copy_piece(card, job, job->packet.copy.source + done, to + done, part) :
			     fill_piece(card, job, to + done, part);
		mmu_leave(card->mmu, job->access.context);
		done += ret ? 0 : part;
		atomic_fetch_add(&job->steps, 1);
		if (ret == -EAGAIN)
			ret = 0;
	}
	if (ret == -EFAULT) {
		job->error = NPU_QUEUE_ERROR_FAULT;
		job->error_va = job->fault.va;
	} else if (ret) {
		job->error = NPU_QUEUE_ERROR_KILLED;	/* the card has no memory for a piece */
	}
	job->energy_pj = power_copy_pj(done);
}
