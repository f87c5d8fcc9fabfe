// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* Waiting for jobs, and telling how they ended. */
#include <errno.h>

#include "deadline.h"
#include "ioctl.h"
#include "queue.h"

struct npu_job *npu_job_ref(struct npu_job *job)
{
	npu_ref_get(&job->refs);
	return job;
}

void npu_job_unref(struct npu_job *job)
{
	struct npu_queue *queue;

	if (!job || !npu_ref_put(&job->refs))
		return;
	queue = job->queue;
	pthread_mutex_lock(&queue->lock);
	job->owned = false;
	if (!job->in_flight)
		npu_queue_give_job(queue, job);
	pthread_mutex_unlock(&queue->lock);
	npu_queue_unref(queue);
}

/* The job's fence is signalled: how did it end? An error of the question itself is returned. */
static int examine(struct npu_job *job)
{
	struct npu_queue *queue = job->queue;
	int status;

	if (npu_job_succeeded(job)) {
		npu_queue_finish_job(queue, job, 0);
		return 0;
	}
	status = npu_kernel_syncobj_status(queue->context->device->fd, job->syncobj);
	if (status == -EMFILE || status == -ENFILE || status == -ENOMEM)
		return status;
	pthread_mutex_lock(&queue->lock);
	npu_queue_autopsy(queue);
	pthread_mutex_unlock(&queue->lock);
	/* A fence that is signalled without an error has completed; then so has the word. */
	if (status >= 0)
		status = npu_job_succeeded(job) ? 0 : -EIO;
	npu_queue_finish_job(queue, job, status);
	return 0;
}

static int report(struct npu_job *job, int result, struct npu_error *error)
{
	struct npu_queue *queue = job->queue;

	if (!result)
		return 0;
	if (result == -ENODEV)
		return npu_device_fail(queue->context->device, error, result, "job %llu failed",
				       (unsigned long long)job->number);
	pthread_mutex_lock(&queue->lock);
	if (!queue->dead)
		npu_fail(error, result, "job %llu failed: %s", (unsigned long long)job->number,
			 npu_reason(result));
	else if (result == -ECANCELED)
		npu_fail(error, result, "job %llu was not run, since its queue had stopped: %s",
			 (unsigned long long)job->number, queue->cause);
	else
		npu_fail(error, result, "%s", queue->cause);
	pthread_mutex_unlock(&queue->lock);
	return result;
}

int npu_job_wait(struct npu_job *job, int64_t timeout_ns, struct npu_error *error)
{
	struct npu_queue *queue;
	int ret, result;

	if (!job)
		return npu_fail(error, -EINVAL, "npu_job_wait: no job");
	queue = job->queue;
	result = atomic_load(&job->result);
	if (result != NPU_JOB_RUNNING)
		return report(job, result, error);
	if (npu_job_succeeded(job)) {
		npu_queue_finish_job(queue, job, 0);
		return 0;
	}
	ret = npu_kernel_syncobj_wait(queue->context->device->fd, job->syncobj,
				      npu_deadline(timeout_ns));
	if (ret == -ENODEV)
		/* What completed before the card was lost has completed. */
		npu_queue_finish_job(queue, job, npu_job_succeeded(job) ? 0 : -ENODEV);
	else if (!ret)
		ret = examine(job);
	result = atomic_load(&job->result);
	if (result != NPU_JOB_RUNNING)
		return report(job, result, error);
	if (ret == -ETIME)
		return npu_fail(error, -ETIMEDOUT, "job %llu is not done yet",
				(unsigned long long)job->number);
	return npu_device_fail(queue->context->device, error, ret, "cannot wait for job %llu",
			       (unsigned long long)job->number);
}

int npu_job_status(struct npu_job *job, struct npu_error *error)
{
	int ret = npu_job_wait(job, 0, error);

	return ret == -ETIMEDOUT ? -EINPROGRESS : ret;
}

int npu_job_fd(struct npu_job *job, struct npu_error *error)
{
	int ret;

	if (!job)
		return npu_fail(error, -EINVAL, "npu_job_fd: no job");
	ret = npu_kernel_syncobj_export(job->queue->context->device->fd, job->syncobj);
	if (ret < 0)
		return npu_device_fail(job->queue->context->device, error, ret,
				       "cannot make a file descriptor for job %llu",
				       (unsigned long long)job->number);
	return ret;
}
