/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/*
 * libnpu: run compiled graphs on npu cards (docs/libnpu.md).
 *
 * Objects. device > context > buffer, model, queue > job, and device >
 * timeline, stream; a graph stands alone and needs no device. Each is opaque and counted: _create, _open and
 * _submit give the caller one reference, _ref adds one, _unref (NULL allowed)
 * gives one back. An object keeps alive what it stands on, so references may
 * be given back in any order.
 *
 * Errors. A function that returns int returns 0 (or what it says) or a
 * negative errno. Its last parameter, struct npu_error *error, may be NULL;
 * if not, a failure leaves a sentence there for a person: what failed, why,
 * and what to do. Out-parameters are written on success only.
 *
 * Errors that any call on a device can give, besides those named with it:
 *	-EINVAL	an argument makes no sense
 *	-ENOMEM	no memory
 *	-ENOTSUP	the driver is older than the library and lacks this
 *	-ENODEV	the card was lost or reset since it was opened. Nothing of this
 *		device works any more, all jobs have ended with this error;
 *		give back every reference and open the card again.
 *
 * Threads. Any function may be called from any thread at any time, on the
 * same objects too, as long as the caller holds a reference to each. The
 * library has no global state, starts no thread, prints nothing, handles no
 * signal. After fork() the child must not use objects of the parent; it may
 * exit, exec, or open the card itself.
 *
 * Structs that the library fills have zeroed room to grow into (reserved);
 * structs that the caller fills must be zeroed first and have `reserved` zero.
 */
#ifndef NPU_H
#define NPU_H

#include <stddef.h>
#include <stdint.h>

#include <npu/npu_isa.h> /* NPU_TYPE_*, NPU_RANK_MAX */

#if defined(__cplusplus)
extern "C" {
#endif

#pragma GCC visibility push(default)

struct npu_device;
struct npu_context;
struct npu_buffer;
struct npu_graph;
struct npu_model;
struct npu_queue;
struct npu_job;
struct npu_timeline;
struct npu_stream;

/* ---- Errors and names -------------------------------------------------- */

#define NPU_ERROR_SIZE 512

/* One sentence, zero terminated, without a line end; cut if it is longer. */
struct npu_error {
	char text[NPU_ERROR_SIZE];
};

/* npu_version() - the library's version, "major.minor.patch". */
const char *npu_version(void);

/* npu_type_name() - "f32", "i8", ...; "?" for a number that is no type. */
const char *npu_type_name(unsigned int type);

/* npu_type_bits() - bits of one element of NPU_TYPE_*; 0 for no type. */
unsigned int npu_type_bits(unsigned int type);

/* ---- Finding cards ---------------------------------------------------- */

/*
 * A card that the driver serves, as sysfs tells it. Strings are zero
 * terminated and empty where the driver does not say.
 */
struct npu_device_entry {
	uint32_t index;	/* position in the order of PCI addresses, from 0 */
	int32_t access;	/* 0: this process may open the node; else -EACCES, -ENOENT, ... */
	uint64_t serial;
	char node[64];	/* "/dev/accel/accel0" */
	char bdf[16];	/* "0000:01:00.0" */
	char uuid[40];	/* "4e505531-0000-8000-..." */
	char state[24];	/* "live", "starting", "lost" or "gone" */
	char firmware[32];	/* its version */
	char driver[32];	/* the module's version */
	uint64_t reserved[8];
};

/*
 * npu_enumerate() - list the cards, without opening one: needs no permission.
 * @list: array of @count entries (NULL if there are none), to be freed with
 *	npu_enumerate_free()
 *
 * Returns 0, also when there is no card. Errors: -ENOMEM, or what reading
 * sysfs gave.
 */
int npu_enumerate(struct npu_device_entry **list, size_t *count, struct npu_error *error);
void npu_enumerate_free(struct npu_device_entry *list);

/* ---- Device ----------------------------------------------------------- */

/*
 * npu_open() - open a card by its index in npu_enumerate().
 *
 * Errors: -ENXIO no such card (the text says whether the driver is loaded),
 * -EACCES no permission (the text names node, owner, mode and remedy),
 * -EPROTONOSUPPORT driver and library do not fit (the text names both
 * versions), -EBUSY the card is not ready.
 */
int npu_open(unsigned int index, struct npu_device **device, struct npu_error *error);

/*
 * npu_open_name() - open a card by what a user types: an index ("0"), a PCI
 * address ("0000:01:00.0", "01:00.0"), a UUID, or a node ("/dev/accel/accel0").
 * Errors: as npu_open(); -EINVAL @name is none of these.
 */
int npu_open_name(const char *name, struct npu_device **device, struct npu_error *error);

struct npu_device *npu_device_ref(struct npu_device *device);
void npu_device_unref(struct npu_device *device);

#define NPU_DEVICE_ECC 0x1	/* device memory has ECC */

struct npu_device_info {
	uint32_t abi;	/* what graphs are checked against: major 31:16, minor 15:0 */
	uint32_t hardware;	/* family 31:16, revision 15:0 */
	uint64_t serial;
	uint64_t capabilities;	/* NPU_DEVICE_* */
	uint64_t memory_size;	/* device memory, bytes */
	uint64_t va_start;	/* a context's addresses: [va_start, va_end) */
	uint64_t va_end;
	uint32_t page_size;	/* buffers are multiples of it, bytes */
	uint32_t tensor_engines;
	uint32_t copy_engines;
	uint32_t slots;	/* queues that run at the same time */
	uint32_t queues_max;	/* on the card, of all processes */
	uint32_t driver_major;	/* version of the driver's interface */
	uint32_t driver_minor;
	uint32_t mbz;
	char node[64];
	char bdf[16];
	char uuid[40];
	uint64_t reserved[8];
};

/* npu_device_info() - what does not change; valid as long as the device. */
const struct npu_device_info *npu_device_info(const struct npu_device *device);

/*
 * npu_device_fd() - the open node, for poll, fdinfo or own ioctls. It stays
 * the device's: do not close it.
 */
int npu_device_fd(const struct npu_device *device);

#define NPU_LOG_ERROR 0	/* the card is lost */
#define NPU_LOG_WARNING 1	/* a queue died */
#define NPU_LOG_INFO 2	/* what was found, loaded and shared */
#define NPU_LOG_DEBUG 3	/* objects come and go */

/*
 * npu_device_set_log() - have lines about what happens on the device.
 * @level: NPU_LOG_*, the highest that is wanted
 * @callback: gets one line without an end, from any thread that calls the
 *	library, several at a time; NULL: no more lines
 *
 * The former callback has returned from its last call when this returns. A
 * callback may not call the library.
 *
 * Errors: -EINVAL there is no such level.
 */
int npu_device_set_log(struct npu_device *device, uint32_t level,
		       void (*callback)(void *opaque, uint32_t level, const char *line),
		       void *opaque, struct npu_error *error);

struct npu_memory_info {
	uint64_t device_size;	/* bytes */
	uint64_t device_used;	/* bytes, by all processes */
	uint64_t device_visible;	/* bytes that the host can map */
	uint64_t system_size;	/* bytes of system memory that buffers may take */
	uint64_t system_used;
	uint64_t reserved[4];
};

/* npu_device_memory() - how much memory there is, and how much of it is in use. */
int npu_device_memory(struct npu_device *device, struct npu_memory_info *info,
		      struct npu_error *error);

struct npu_firmware_info {
	uint32_t version;	/* major 31:24, minor 23:16, patch 15:0 */
	uint32_t security_version;
	uint32_t abi_min;	/* range that this firmware speaks */
	uint32_t abi_max;
	char build_id[32];
	uint64_t reserved[4];
};

/* npu_device_firmware() - what runs on the card's management core. */
int npu_device_firmware(struct npu_device *device, struct npu_firmware_info *info,
			struct npu_error *error);

struct npu_time {
	uint64_t card_ns;	/* the card's clock, read between the two below */
	uint64_t before_ns;	/* CLOCK_MONOTONIC */
	uint64_t after_ns;
};

/* npu_device_time() - the card's clock and the host's, looked at together. */
int npu_device_time(struct npu_device *device, struct npu_time *time, struct npu_error *error);

#define NPU_THROTTLE_POWER 0x1
#define NPU_THROTTLE_THERMAL 0x2

struct npu_telemetry {
	uint64_t age_ns;	/* the driver's cache: at most 100 ms */
	int64_t temperature_mc;	/* millidegree Celsius */
	uint64_t power_mw;
	uint64_t power_cap_mw;
	uint64_t energy_uj;
	uint64_t clock_hz;
	uint64_t clock_max_hz;
	uint64_t tensor_busy_ns;	/* sum over the tensor engines since the firmware booted */
	uint64_t copy_busy_ns;
	uint64_t uptime_ns;	/* since the firmware booted */
	uint64_t ecc_corrected;
	uint64_t ecc_uncorrected;
	uint32_t throttle;	/* NPU_THROTTLE_* */
	uint32_t queues;	/* that exist now */
	uint64_t reserved[8];
};

/*
 * npu_device_telemetry() - temperature, power, energy, clocks and errors, from
 * the driver's cache.
 */
int npu_device_telemetry(struct npu_device *device, struct npu_telemetry *telemetry,
			 struct npu_error *error);

/* ---- Stream: what happens on a device ----------------------------------- */

#define NPU_EVENT_FAULT 0	/* an access was refused; value: address, 1 for a write */
#define NPU_EVENT_QUEUE 1	/* a queue died; its npu_queue_status() says why */
#define NPU_EVENT_LOST 2	/* the card */
#define NPU_EVENT_RESET 3	/* the card; value[0]: 1 it works again, 0 it does not */
#define NPU_EVENT_THROTTLE 4	/* value: NPU_THROTTLE_* (0: no more), Hz */
#define NPU_EVENT_ECC 5	/* value: memory errors corrected, uncorrected, since power-on */

struct npu_event {
	uint64_t time_ns;	/* CLOCK_MONOTONIC */
	uint32_t kind;	/* NPU_EVENT_* */
	uint32_t dropped;	/* events lost just before this one: not read in time */
	uint32_t context;	/* npu_context_number(); 0: none of this device handle */
	uint32_t queue;	/* npu_queue_number(); likewise */
	uint64_t value[2];
	uint64_t reserved[2];
};

/* Counters grow, as those of struct npu_telemetry. */
struct npu_sample {
	uint64_t time_ns;	/* CLOCK_MONOTONIC */
	uint32_t dropped;	/* samples lost just before this one */
	uint32_t throttle;	/* NPU_THROTTLE_* */
	uint64_t tensor_busy_ns;
	uint64_t copy_busy_ns;
	uint64_t energy_uj;
	uint64_t clock_hz;
	uint32_t power_mw;
	int32_t temperature_mc;	/* millidegree Celsius */
	uint32_t queues;	/* that exist */
	uint32_t slots_active;	/* that run one */
	uint64_t reserved[2];
};

#define NPU_STREAM_ALL 0x1	/* of all processes: needs CAP_PERFMON */

/*
 * npu_stream_open_events() - be told what happens from now on.
 * @kinds: 1 << NPU_EVENT_* for each that is wanted
 * @flags: NPU_STREAM_*
 *
 * Without NPU_STREAM_ALL faults and queues are those of this device handle.
 *
 * Errors: -EACCES NPU_STREAM_ALL needs CAP_PERFMON; -EDQUOT too many streams.
 */
int npu_stream_open_events(struct npu_device *device, uint32_t kinds, uint32_t flags,
			   struct npu_stream **stream, struct npu_error *error);

/*
 * npu_stream_open_samples() - have a sample of the card's load each period.
 * @period_ns: 10 ms to 2^32 - 1 ns
 * Errors: -EACCES needs CAP_PERFMON, since it shows what others do; -EDQUOT too
 * many streams.
 */
int npu_stream_open_samples(struct npu_device *device, uint64_t period_ns,
			    struct npu_stream **stream, struct npu_error *error);

struct npu_stream *npu_stream_ref(struct npu_stream *stream);
void npu_stream_unref(struct npu_stream *stream);

/*
 * npu_stream_fd() - for poll and epoll: readable (POLLIN) when there is a
 * record, POLLHUP at the end. It stays the stream's: do not read or close it.
 */
int npu_stream_fd(const struct npu_stream *stream);

/*
 * npu_stream_event(), npu_stream_sample() - take the oldest record.
 * @timeout_ns: as npu_job_wait()
 *
 * Errors: -ETIMEDOUT there is none; -EINVAL the stream is one of the others;
 * -ENODEV the card was lost or reset, and all that came before has been read.
 */
int npu_stream_event(struct npu_stream *stream, struct npu_event *event, int64_t timeout_ns,
		     struct npu_error *error);
int npu_stream_sample(struct npu_stream *stream, struct npu_sample *sample, int64_t timeout_ns,
		      struct npu_error *error);

/* ---- Graph: a compiled file, readable without a device ----------------- */

/*
 * npu_graph_open() - open and check a compiled graph.
 *
 * Everything but the weights is copied, checked (each offset, length, name
 * and digest) and immutable from then on. Weights are read when they are
 * loaded: changing the file meanwhile gives an error there, not wrong results.
 *
 * Errors: those of open(2); -ENOEXEC not a compiled graph; -EBADMSG damaged
 * (the text says where); -ENOTSUP made for a newer library or for features
 * that this one does not know (the text names both versions and the remedy).
 */
int npu_graph_open(const char *path, struct npu_graph **graph, struct npu_error *error);

/*
 * npu_graph_from_memory() - likewise, of @size bytes at @data. They must stay
 * readable until the graph's last reference (models hold one) is gone.
 */
int npu_graph_from_memory(const void *data, size_t size, struct npu_graph **graph,
			  struct npu_error *error);

struct npu_graph *npu_graph_ref(struct npu_graph *graph);
void npu_graph_unref(struct npu_graph *graph);

struct npu_graph_info {
	const char *name;	/* valid as long as the graph */
	const char *compiler;	/* name and version */
	uint32_t format_version;
	uint32_t program_version;
	uint64_t features_required;
	uint64_t features_optional;
	uint32_t abi_min;	/* cards it runs on, as npu_device_info.abi */
	uint32_t abi_max;
	uint64_t macs;	/* multiply-accumulates of one execution */
	uint32_t inputs;
	uint32_t outputs;
	uint32_t nodes;	/* of the model */
	uint32_t operations;	/* of the card, in one execution */
	uint64_t code_size;	/* bytes */
	uint64_t weights_size;
	uint64_t scratch_size;
	uint64_t weights_offset;	/* in the file, bytes */
	uint8_t weights_digest[32];	/* SHA-256; zeros if there are none */
	uint64_t reserved[3];
};

/* npu_graph_info() - what is known of the graph; valid as long as it. */
const struct npu_graph_info *npu_graph_info(const struct npu_graph *graph);

/* An input or output: a dense row-major tensor. */
struct npu_graph_port {
	const char *name;	/* valid as long as the graph */
	uint32_t type;	/* NPU_TYPE_* */
	uint32_t rank;	/* 0: a scalar */
	uint32_t extent[NPU_RANK_MAX];	/* elements; behind the rank: 0 */
	uint64_t size;	/* bytes */
	uint32_t quantised;	/* 1: real = (q - zero_point) * scale; else 0 */
	float scale;
	int32_t zero_point;
	uint32_t mbz;
	uint64_t reserved[4];
};

/* npu_graph_input(), npu_graph_output() - NULL if @i is out of range. */
const struct npu_graph_port *npu_graph_input(const struct npu_graph *graph, uint32_t i);
const struct npu_graph_port *npu_graph_output(const struct npu_graph *graph, uint32_t i);

/* npu_graph_node() - name of a node of the model; NULL if @i is out of range. */
const char *npu_graph_node(const struct npu_graph *graph, uint32_t i);

/*
 * npu_graph_operation() - what the card's operation @i is: its NPU_OP_* and
 * the node it came from.
 * Returns 0 or -ERANGE.
 */
int npu_graph_operation(const struct npu_graph *graph, uint32_t i, uint32_t *opcode,
			uint32_t *node);

/* npu_op_name() - "GEMM", "CONV", ...; "?" for a number that is no opcode. */
const char *npu_op_name(unsigned int opcode);

/*
 * npu_graph_check_abi() - does the graph run on a card with this ABI? (No
 * device needed; npu_model_create() asks the same.)
 * Returns 0 or -ENOTSUP with both versions and the remedy in @error.
 */
int npu_graph_check_abi(const struct npu_graph *graph, uint32_t abi, struct npu_error *error);

/*
 * npu_graph_verify() - read the weights and compare their digest.
 * Errors: -EBADMSG they are not what was compiled; those of read(2).
 */
int npu_graph_verify(struct npu_graph *graph, struct npu_error *error);

/* ---- Context: an address space on the card ---------------------------- */

/*
 * npu_context_create() - nothing of one context can reach memory of another.
 * Errors: -ENOSPC the card has no context left.
 */
int npu_context_create(struct npu_device *device, struct npu_context **context,
		       struct npu_error *error);
struct npu_context *npu_context_ref(struct npu_context *context);
void npu_context_unref(struct npu_context *context);

/*
 * npu_context_status() - 0 usable; -EFAULT a job of it accessed an address
 * that is not mapped (the text tells which; other queues still work); -ENODEV.
 */
int npu_context_status(struct npu_context *context, struct npu_error *error);

/* npu_context_number() - by which events and the log name it, > 0. */
uint32_t npu_context_number(const struct npu_context *context);

/* ---- Buffer ----------------------------------------------------------- */

#define NPU_BUFFER_DEVICE 0x1	/* may live in device memory */
#define NPU_BUFFER_SYSTEM 0x2	/* may live in system memory */
#define NPU_BUFFER_MAPPABLE 0x4	/* npu_buffer_map() is wanted */
#define NPU_BUFFER_SHARED 0x8	/* npu_buffer_export() is wanted */
#define NPU_BUFFER_CARD_READONLY 0x10	/* the card may not write it */

/*
 * npu_buffer_create() - memory, zeroed, mapped in a context.
 * @size: bytes, > 0; rounded up to whole pages
 * @flags: NPU_BUFFER_*, at least one place; with both the driver chooses
 *
 * Host and card see one another's writes without further calls once a job is
 * submitted or has completed. The host reads device memory slowly: results go
 * to system memory.
 *
 * Errors: -ENOSPC device memory is full.
 */
int npu_buffer_create(struct npu_context *context, uint64_t size, uint32_t flags,
		      struct npu_buffer **buffer, struct npu_error *error);
struct npu_buffer *npu_buffer_ref(struct npu_buffer *buffer);

/* The memory lives on while a job that was given the buffer runs. */
void npu_buffer_unref(struct npu_buffer *buffer);

/* npu_buffer_size() - bytes, as rounded. */
uint64_t npu_buffer_size(const struct npu_buffer *buffer);

/* npu_buffer_address() - where the card sees it, for own packets. */
uint64_t npu_buffer_address(const struct npu_buffer *buffer);

/*
 * npu_buffer_map() - where the host sees it: the same address each time, valid
 * until the last reference is gone. Errors: -EPERM not created MAPPABLE.
 */
int npu_buffer_map(struct npu_buffer *buffer, void **address, struct npu_error *error);

/*
 * npu_buffer_export() - a dma-buf of the buffer's memory, for other contexts,
 * processes and drivers. The caller closes it. Returns the descriptor (>= 0).
 *
 * Whoever holds the descriptor can read and, unless the buffer is
 * CARD_READONLY, write the memory. Nobody's jobs wait for those of others by
 * themselves: order them by fences or timelines.
 *
 * Errors: -EPERM not created SHARED; -EMFILE, -ENFILE.
 */
int npu_buffer_export(struct npu_buffer *buffer, struct npu_error *error);

/*
 * npu_buffer_import() - map the memory behind a dma-buf, of this or another
 * driver. @fd stays the caller's.
 * @flags: NPU_BUFFER_MAPPABLE, NPU_BUFFER_CARD_READONLY
 *
 * npu_buffer_map() of it is read-only if the exporter allows no more.
 *
 * Errors: -EINVAL, -EBADF @fd is no dma-buf, or one that the driver cannot
 * reach.
 */
int npu_buffer_import(struct npu_context *context, int fd, uint32_t flags,
		      struct npu_buffer **buffer, struct npu_error *error);

/*
 * npu_buffer_import_memfd() - map pages of a memfd, without a copy: what is in
 * it stays in system memory, and the card reaches it there.
 * @memfd: of memfd_create(2), sealed with F_SEAL_SHRINK and not with
 *	F_SEAL_WRITE; it stays the caller's
 * @offset, @size: bytes, whole pages, within the memfd
 * @flags: as npu_buffer_import()
 *
 * Needs the kernel's /dev/udmabuf. Errors: -EINVAL not whole pages, not within
 * the memfd, not sealed so; -ENOENT, -EACCES no /dev/udmabuf, or no permission.
 */
int npu_buffer_import_memfd(struct npu_context *context, int memfd, uint64_t offset, uint64_t size,
			    uint32_t flags, struct npu_buffer **buffer, struct npu_error *error);

#define NPU_ACCESS_READ 0x1
#define NPU_ACCESS_WRITE 0x2

/*
 * npu_buffer_begin_access(), npu_buffer_end_access() - around the host's
 * accesses to the mapping of an imported buffer, whose exporter may have to
 * see to caches. Of no effect for buffers that npu_buffer_create() made.
 * @access: NPU_ACCESS_*, the same for both
 */
int npu_buffer_begin_access(struct npu_buffer *buffer, uint32_t access, struct npu_error *error);
int npu_buffer_end_access(struct npu_buffer *buffer, uint32_t access, struct npu_error *error);

/* ---- Model: a graph that is loaded into a context --------------------- */

#define NPU_MODEL_NO_VERIFY 0x1	/* do not compare the weights' digest */

/*
 * npu_model_create() - bring code and weights to the card.
 * @flags: NPU_MODEL_*
 *
 * Weights that another model of the device has verified, of this or another
 * graph and in any context, are shared: their digest decides. With NO_VERIFY
 * others are loaded for this model alone.
 *
 * Errors: -ENOTSUP the graph is for another card ABI; -EBADMSG the weights are
 * damaged; -ENOSPC device memory is full; those of read(2).
 */
int npu_model_create(struct npu_context *context, struct npu_graph *graph, uint32_t flags,
		     struct npu_model **model, struct npu_error *error);

/*
 * npu_model_create_in_place() - likewise, with weights that are in a buffer
 * already and stay there, for example one that was imported.
 * @weights: of @context; must not be written as long as the model lives. To be
 *	verified it must be MAPPABLE
 * @offset: bytes, multiple of 64; what the file has at weights_offset of
 *	struct npu_graph_info is here
 *
 * Errors: as npu_model_create(); -EINVAL the graph has no weights, or they do
 * not fit; -EPERM not MAPPABLE.
 */
int npu_model_create_in_place(struct npu_context *context, struct npu_graph *graph,
			      struct npu_buffer *weights, uint64_t offset, uint32_t flags,
			      struct npu_model **model, struct npu_error *error);

/*
 * npu_model_export_weights() - a dma-buf of the model's weights, for a process
 * that loads the same graph: it imports them CARD_READONLY and calls
 * npu_model_create_in_place(). The caller closes it. Returns the descriptor
 * (>= 0).
 *
 * Only for processes that trust one another: who has the descriptor can let a
 * card write to the memory.
 *
 * Errors: -EINVAL the graph has no weights, or they are in the caller's buffer;
 * -EMFILE, -ENFILE.
 */
int npu_model_export_weights(struct npu_model *model, struct npu_error *error);

struct npu_model *npu_model_ref(struct npu_model *model);
void npu_model_unref(struct npu_model *model);

/* npu_model_graph() - the model's graph; no reference is added. */
struct npu_graph *npu_model_graph(const struct npu_model *model);

/* A dense row-major array in the caller's memory. */
struct npu_array {
	void *data;
	size_t size;	/* bytes; must be the port's */
	uint32_t type;	/* NPU_TYPE_*: type and shape are checked; 0: only size is */
	uint32_t rank;
	uint32_t extent[NPU_RANK_MAX];
	uint64_t reserved[2];
};

/*
 * npu_run() - one execution, synchronous: copy inputs in, run, copy outputs out.
 * @inputs: one for each input of the graph, in its order; not written
 * @outputs: likewise; contents are undefined after an error
 *
 * The model keeps a queue and buffers for this, made by the first call.
 * Calls for one model run one after another; for more at a time, or to
 * overlap copies, submit to queues. If a run fails the next one starts
 * afresh.
 *
 * Errors: -EINVAL number, size, type or shape is not the graph's (the text
 * names the port, what it is and what it should be); those of npu_submit() and
 * npu_job_wait().
 */
int npu_run(struct npu_model *model, const struct npu_array *inputs, size_t input_count,
	    const struct npu_array *outputs, size_t output_count, struct npu_error *error);

/* ---- Queue: jobs of a queue run in order ------------------------------ */

#define NPU_QUEUE_LOW 0
#define NPU_QUEUE_NORMAL 1
#define NPU_QUEUE_HIGH 2	/* needs CAP_SYS_NICE */
#define NPU_QUEUE_REALTIME 3	/* needs CAP_SYS_NICE */

/*
 * npu_queue_create() -
 * Errors: -EACCES @priority needs CAP_SYS_NICE; -ENOSPC the card has no queue
 * left.
 */
int npu_queue_create(struct npu_context *context, uint32_t priority, struct npu_queue **queue,
		     struct npu_error *error);
struct npu_queue *npu_queue_ref(struct npu_queue *queue);

/*
 * When the last reference is gone (jobs that the caller holds have one each),
 * jobs that still run are cancelled: wait first.
 */
void npu_queue_unref(struct npu_queue *queue);

/*
 * npu_queue_status() - 0 usable; -ECANCELED a job failed and the queue takes
 * no more (the text says which and why): make a new queue, the context and
 * its models and buffers remain good; -ENODEV.
 */
int npu_queue_status(struct npu_queue *queue, struct npu_error *error);

/* npu_queue_number() - by which events and the log name it, > 0. */
uint32_t npu_queue_number(const struct npu_queue *queue);

struct npu_queue_usage {
	uint64_t jobs;	/* completed */
	uint64_t busy_ns;	/* engine time */
	uint64_t energy_nj;
	uint64_t reserved[4];
};

/* npu_queue_usage() - counted a moment after npu_job_wait() may have returned. */
int npu_queue_usage(struct npu_queue *queue, struct npu_queue_usage *usage,
		    struct npu_error *error);

/* ---- Job -------------------------------------------------------------- */

/* Memory for one input or output of a graph. */
struct npu_binding {
	struct npu_buffer *buffer;	/* of the queue's context */
	uint64_t offset;	/* bytes, multiple of 64; the port must fit behind it */
};

/* A point of a timeline (see npu_timeline_create()). */
struct npu_point {
	struct npu_timeline *timeline;	/* of the queue's device */
	uint64_t value;	/* > 0 */
};

#define NPU_SUBMIT_PROFILE 0x1	/* measure, for npu_job_profile() */

/*
 * What all _submit functions take besides their work; NULL: nothing. The job
 * starts when everything that it waits for is done, well or not. At most 1000
 * waits and signals in all.
 */
struct npu_submit_options {
	struct npu_job *const *after;	/* wait for these, of any queue of the device */
	size_t after_count;
	const struct npu_point *wait;	/* wait for these; somebody must be about to reach them */
	size_t wait_count;
	const struct npu_point *signal;	/* reach these when the job is done, well or not */
	size_t signal_count;
	const int *fences;	/* wait for these sync_files, of any driver; they stay open */
	size_t fence_count;
	uint32_t flags;	/* NPU_SUBMIT_* */
	uint32_t mbz;
	uint64_t reserved[4];
};

/*
 * npu_submit() - run a model once, asynchronously.
 * @model: of the queue's context
 * @bindings: one for each input, then one for each output of the graph; an
 *	output may overlap no other binding
 * @job: may be NULL if nobody will ask
 *
 * The job keeps model and buffers alive until it is done. In the steady
 * state (finished jobs given back) nothing is allocated. Memory for
 * intermediate results is the queue's, shared by its models.
 *
 * A job that failed ends the waiting for it as well: whoever waits for the
 * last job of a chain through several queues asks the others how they ended.
 *
 * Errors: -EINVAL a binding is of another context, misplaced, too small or
 * overlaps, a point to wait for is one that nothing submitted so far will
 * reach, or a descriptor is no sync_file; -ECANCELED the queue is dead, see
 * npu_queue_status().
 */
int npu_submit(struct npu_queue *queue, struct npu_model *model,
	       const struct npu_binding *bindings, size_t binding_count,
	       const struct npu_submit_options *options, struct npu_job **job,
	       struct npu_error *error);

/*
 * npu_submit_copy() - copy @size bytes between buffers of the queue's context
 * by the card's copy engine; any alignment. The ranges may not overlap.
 */
int npu_submit_copy(struct npu_queue *queue, struct npu_buffer *to, uint64_t to_offset,
		    struct npu_buffer *from, uint64_t from_offset, uint64_t size,
		    const struct npu_submit_options *options, struct npu_job **job,
		    struct npu_error *error);

/*
 * npu_submit_fill() - store a 32-bit @pattern over @size bytes; @offset and
 * @size are multiples of 4.
 */
int npu_submit_fill(struct npu_queue *queue, struct npu_buffer *buffer, uint64_t offset,
		    uint64_t size, uint32_t pattern, const struct npu_submit_options *options,
		    struct npu_job **job, struct npu_error *error);

/*
 * npu_submit_packets() - run packets (npu/npu_packet.h) that the caller wrote.
 * @buffer: where they are; must not be written until the job is done
 * @offset: bytes, multiple of 64
 * @count: packets, 1 .. NPU_CALL_MAX
 *
 * The job keeps @buffer alive, but not what the packets name.
 */
int npu_submit_packets(struct npu_queue *queue, struct npu_buffer *buffer, uint64_t offset,
		       uint32_t count, const struct npu_submit_options *options,
		       struct npu_job **job, struct npu_error *error);

struct npu_job *npu_job_ref(struct npu_job *job);

/* The job runs on. */
void npu_job_unref(struct npu_job *job);

#define NPU_WAIT_FOREVER (-1)

/*
 * npu_job_wait() - until the job is done.
 * @timeout_ns: from now; 0 only looks; NPU_WAIT_FOREVER (the driver bounds the
 *	job itself: one that makes no progress is killed)
 *
 * Returns 0 when it succeeded: its results are visible to the host.
 * Errors: -ETIMEDOUT not done yet, wait again; or how it failed, with the
 * operation and the reason in @error, each time it is asked:
 *	-EIO	the card refused it, or it accessed memory that is not mapped
 *	-ETIME	it made no progress and was killed
 *	-ECANCELED	not run, since an earlier job of the queue or one that
 *		it waited for failed, or the queue was destroyed
 *	-ENODEV	the card is lost
 * A failed job leaves its queue dead: see npu_queue_status().
 */
int npu_job_wait(struct npu_job *job, int64_t timeout_ns, struct npu_error *error);

/*
 * npu_job_status() - npu_job_wait() with no timeout, but -EINPROGRESS instead
 * of -ETIMEDOUT. Makes no system call once the job succeeded.
 */
int npu_job_status(struct npu_job *job, struct npu_error *error);

/*
 * npu_job_fd() - a file descriptor for poll and epoll: readable (POLLIN) when
 * the job is done, well or not (at the latest a moment after npu_job_wait()
 * says so). It is a sync_file, so other drivers can wait for it. The caller
 * closes it. Returns the descriptor (>= 0).
 * Errors: -EMFILE, -ENFILE.
 */
int npu_job_fd(struct npu_job *job, struct npu_error *error);

/* What a job took, measured by the card. */
struct npu_job_profile {
	uint64_t start_ns;	/* the card's clock, see npu_device_time() */
	uint64_t end_ns;
	uint64_t bytes;	/* read and written; 0 for npu_submit_packets() */
	uint64_t energy_pj;	/* of the tensor engine; 0 for all but npu_submit() */
	uint32_t operations;	/* that npu_job_operations() tells */
	uint32_t mbz;
	uint64_t reserved[4];
};

/*
 * npu_job_profile() - what a job took that was submitted with
 * NPU_SUBMIT_PROFILE and has succeeded.
 *
 * Measuring costs two packets and 32 bytes for each operation, and the job
 * does not overlap others of its queue.
 *
 * Errors: -ENODATA submitted without NPU_SUBMIT_PROFILE; -EINPROGRESS not done
 * yet; how it failed, as npu_job_wait().
 */
int npu_job_profile(struct npu_job *job, struct npu_job_profile *profile, struct npu_error *error);

/* What one operation took. */
struct npu_operation_profile {
	uint32_t opcode;	/* NPU_OP_* */
	uint32_t node;	/* npu_graph_node() has its name */
	uint64_t start_ns;
	uint64_t end_ns;
	uint64_t bytes;
	uint64_t energy_pj;
	uint64_t reserved[2];
};

/*
 * npu_job_operations() - what the operations of the job's graph took, in
 * order. (They may overlap.)
 * @operations: gets the first @count of them, or all there are
 * Errors: as npu_job_profile().
 */
int npu_job_operations(struct npu_job *job, struct npu_operation_profile *operations, size_t count,
		       struct npu_error *error);

/* ---- Timeline: a counter that jobs and hosts wait for ------------------ */

/*
 * npu_timeline_create() - a counter, at 0, that only goes up.
 *
 * Jobs wait for its points and reach them (struct npu_submit_options), the
 * host too; across queues, contexts and, by a descriptor, processes and
 * drivers. It is a DRM syncobj. Reached points stay reached when the card is
 * lost; those that jobs were to reach are then reached.
 */
int npu_timeline_create(struct npu_device *device, struct npu_timeline **timeline,
			struct npu_error *error);

/*
 * npu_timeline_import() - the timeline behind a descriptor of
 * npu_timeline_export(), or of a DRM syncobj of another driver. @fd stays the
 * caller's.
 * Errors: -EINVAL, -EBADF it is none.
 */
int npu_timeline_import(struct npu_device *device, int fd, struct npu_timeline **timeline,
			struct npu_error *error);

/*
 * npu_timeline_export() - a descriptor of the timeline, to be given to another
 * process. The caller closes it. Returns the descriptor (>= 0).
 * Errors: -EMFILE, -ENFILE.
 */
int npu_timeline_export(struct npu_timeline *timeline, struct npu_error *error);

struct npu_timeline *npu_timeline_ref(struct npu_timeline *timeline);

/* npu_timeline_unref() - jobs that wait for its points or reach them go on. */
void npu_timeline_unref(struct npu_timeline *timeline);

/*
 * npu_timeline_signal() - reach @value now, by the host. It must be more than
 * what was reached, or will be by jobs that are submitted.
 * Errors: -EINVAL @value is 0, or not more than the last.
 */
int npu_timeline_signal(struct npu_timeline *timeline, uint64_t value, struct npu_error *error);

/* npu_timeline_value() - the point that is reached. */
int npu_timeline_value(struct npu_timeline *timeline, uint64_t *value, struct npu_error *error);

/*
 * npu_timeline_wait() - until @value is reached, also if nothing is submitted
 * yet that will.
 * @timeout_ns: as npu_job_wait()
 * Errors: -ETIMEDOUT not reached yet. A point that a failed job was to reach
 * is reached: ask the job.
 */
int npu_timeline_wait(struct npu_timeline *timeline, uint64_t value, int64_t timeout_ns,
		      struct npu_error *error);

/*
 * npu_timeline_fd() - a sync_file that is readable (POLLIN) when @value is
 * reached, as npu_job_fd(). Returns the descriptor (>= 0).
 * Errors: -EINVAL nothing submitted so far will reach @value; -EMFILE, -ENFILE.
 */
int npu_timeline_fd(struct npu_timeline *timeline, uint64_t value, struct npu_error *error);

#pragma GCC visibility pop

#if defined(__cplusplus)
}
#endif

#endif	/* NPU_H */
