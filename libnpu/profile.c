// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * What jobs took. The card stores its clock before and after a profiled job
 * (TIMESTAMP packets, into the job's slot) and what each operation took (EXEC,
 * into a buffer that the job keeps for its successors).
 */
#include <errno.h>
#include <string.h>

#include "queue.h"

int npu_job_provide_profile(struct npu_job *job, uint32_t operations, struct npu_error *error)
{
	struct npu_buffer *buffer;
	void *data;
	int ret;

	if (operations <= job->profile_room)
		return 0;
	ret = npu_buffer_create(job->queue->context, operations * sizeof(struct npu_profile_op),
				NPU_BUFFER_SYSTEM | NPU_BUFFER_MAPPABLE, &buffer, error);
	if (ret)
		return ret;
	ret = npu_buffer_map(buffer, &data, error);
	if (ret) {
		npu_buffer_unref(buffer);
		return ret;
	}
	npu_buffer_unref(job->profile);
	job->profile = buffer;
	job->profile_ops = data;
	job->profile_room = operations;
	return 0;
}

/* 0 if the job succeeded and was measured. */
static int check(struct npu_job *job, struct npu_error *error)
{
	int ret = npu_job_status(job, error);

	if (!ret && !job->profiled)
		ret = npu_fail(error, -ENODATA,
			       "job %llu has no profile: submit it with NPU_SUBMIT_PROFILE",
			       (unsigned long long)job->number);
	return ret;
}

int npu_job_profile(struct npu_job *job, struct npu_job_profile *profile, struct npu_error *error)
{
	int ret;

	if (!job || !profile)
		return npu_fail(error, -EINVAL, "npu_job_profile: no job or no place");
	ret = check(job, error);
	if (ret)
		return ret;
	memset(profile, 0, sizeof(*profile));
	profile->start_ns = job->slot->start_ns;
	profile->end_ns = job->slot->end_ns;
	profile->bytes = job->transfer_bytes;
	profile->operations = job->graph ? job->graph->info.operations : 0;
	for (uint32_t i = 0; i < profile->operations; i++) {
		profile->bytes += job->profile_ops[i].bytes;
		profile->energy_pj += job->profile_ops[i].energy_pj;
	}
	return 0;
}

int npu_job_operations(struct npu_job *job, struct npu_operation_profile *operations, size_t count,
		       struct npu_error *error)
{
	int ret;

	if (!job || (!operations && count))
		return npu_fail(error, -EINVAL, "npu_job_operations: no job or no place");
	ret = check(job, error);
	if (ret || !job->graph)
		return ret;
	for (uint32_t i = 0; i < count && i < job->graph->info.operations; i++) {
		const struct npu_profile_op *from = &job->profile_ops[i];
		struct npu_operation_profile *to = &operations[i];

		memset(to, 0, sizeof(*to));
		npu_graph_operation(job->graph, i, &to->opcode, &to->node);
		to->start_ns = from->start_ns;
		to->end_ns = from->end_ns;
		to->bytes = from->bytes;
		to->energy_pj = from->energy_pj;
	}
	return 0;
}
