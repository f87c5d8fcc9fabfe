/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* Performance samples: what PERF streams carry. */
#ifndef NPU_SAMPLE_H
#define NPU_SAMPLE_H

struct npu_stream;
struct work_struct;

/* Samples come from now on, until the stream ends or its work is cancelled. */
void npu_sample_start(struct npu_stream *stream);
/* npu_stream.sample_work. */
void npu_sample_work(struct work_struct *work);

#endif /* NPU_SAMPLE_H */
