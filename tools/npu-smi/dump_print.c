// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* A dump for people: who, what was to be done, where it stopped, and why. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include <npu/npu_packet.h>

#include "dump.h"
#include "text.h"

static const char *name(const char *const *names, size_t count, uint64_t value)
{
	return value < count && names[value] ? names[value] : "unknown";
}

#define NAME(names, value) name(names, sizeof(names) / sizeof((names)[0]), value)

static const char *const error_names[NPU_QUEUE_ERROR_COUNT] = {
	[NPU_QUEUE_ERROR_NONE] = "no error", [NPU_QUEUE_ERROR_PACKET] = "malformed packet",
	[NPU_QUEUE_ERROR_FAULT] = "memory fault", [NPU_QUEUE_ERROR_PROGRAM] = "malformed program",
	[NPU_QUEUE_ERROR_OPERAND] = "wrong operand", [NPU_QUEUE_ERROR_KILLED] = "killed",
	[NPU_QUEUE_ERROR_TAIL] = "tail beyond the ring", [NPU_QUEUE_ERROR_ECC] = "memory error",
};

static const char *const state_names[] = {
	[NPU_QUEUE_STATE_NONE] = "never run", [NPU_QUEUE_STATE_ACTIVE] = "active",
	[NPU_QUEUE_STATE_SUSPENDED] = "suspended", [NPU_QUEUE_STATE_STOPPED] = "stopped",
};

static const char *const priority_names[] = { "low", "normal", "high", "realtime" };

static const char *const fault_names[] = {
	[1] = "unmapped", [2] = "permission", [3] = "page table", [4] = "bus", [5] = "memory error",
};

static const char *const compare_names[] = {
	[NPU_COMPARE_GE] = ">=", [NPU_COMPARE_EQ] = "==", [NPU_COMPARE_NE] = "!=",
};

static const char *printable(const char *from)
{
	static char out[4 * DUMP_TEXT_MAX];

	return text_printable(out, sizeof(out), from);
}

void dump_print_packet(FILE *out, const uint32_t words[16])
{
	union {
		uint32_t words[16];
		struct npu_packet_header header;
		struct npu_packet_exec exec;
		struct npu_packet_copy copy;
		struct npu_packet_fill fill;
		struct npu_packet_fence_signal signal;
		struct npu_packet_fence_wait wait;
		struct npu_packet_timestamp timestamp;
		struct npu_packet_call call;
	} p;

	memcpy(p.words, words, sizeof(p.words));
	switch (p.header.opcode) {
	case NPU_PACKET_NOP:
		fputs("NOP", out);
		break;
	case NPU_PACKET_EXEC:
		fprintf(out, "EXEC program 0x%llx (%u bytes), %u bases at 0x%llx, %u parameters",
			(unsigned long long)p.exec.program, p.exec.program_size, p.exec.base_count,
			(unsigned long long)p.exec.bases, p.exec.param_count);
		break;
	case NPU_PACKET_COPY:
		fprintf(out, "COPY 0x%llx from 0x%llx, %llu bytes", (unsigned long long)p.copy.destination,
			(unsigned long long)p.copy.source, (unsigned long long)p.copy.size);
		break;
	case NPU_PACKET_FILL:
		fprintf(out, "FILL 0x%llx with 0x%08x, %llu bytes", (unsigned long long)p.fill.destination,
			p.fill.pattern, (unsigned long long)p.fill.size);
		break;
	case NPU_PACKET_FENCE_SIGNAL:
		fprintf(out, "FENCE_SIGNAL 0x%llx = %llu", (unsigned long long)p.signal.address,
			(unsigned long long)p.signal.value);
		break;
	case NPU_PACKET_FENCE_WAIT:
		fprintf(out, "FENCE_WAIT (0x%llx & 0x%llx) %s %llu", (unsigned long long)p.wait.address,
			(unsigned long long)p.wait.mask, NAME(compare_names, p.wait.compare),
			(unsigned long long)p.wait.value);
		break;
	case NPU_PACKET_TIMESTAMP:
		fprintf(out, "TIMESTAMP 0x%llx", (unsigned long long)p.timestamp.address);
		break;
	case NPU_PACKET_BARRIER:
		fputs("BARRIER", out);
		break;
	case NPU_PACKET_CALL:
		fprintf(out, "CALL 0x%llx, %u packets", (unsigned long long)p.call.address, p.call.count);
		break;
	default:
		fprintf(out, "unknown opcode %u", p.header.opcode);
	}
	fprintf(out, ", tag %u", p.header.tag);
	if (p.header.flags & NPU_PACKET_F_BARRIER)
		fputs(", barrier", out);
	if (p.header.flags & ~NPU_PACKET_F_BARRIER)
		fprintf(out, ", unknown flags 0x%x", p.header.flags);
	if (p.header.mbz)
		fputs(", bytes that must be zero are not", out);
}

static void print_time(FILE *out, uint64_t ns)
{
	const time_t seconds = (time_t)(ns / 1000000000u);
	struct tm tm;
	char text[64];

	if (gmtime_r(&seconds, &tm) && strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm))
		fprintf(out, "when         %s\n", text);
	else
		fprintf(out, "when         %" PRIu64 " ns since 1970\n", ns);
}

static void print_error(FILE *out, const struct dump *d)
{
	if (d->state != NPU_QUEUE_STATE_STOPPED) {
		fputs("stopped      not by the card\n", out);
		return;
	}
	fprintf(out, "stopped      %s (%" PRIu64 ") at packet %" PRIu64 ", tag %" PRIu64
		", operation %" PRIu64 ", address 0x%" PRIx64 "\n", NAME(error_names, d->error),
		d->error, d->error_index, d->error_tag, d->error_op, d->error_va);
}

static void print_fault(FILE *out, const struct dump *d)
{
	if (!d->faults) {
		fputs("fault        none in its address space\n", out);
		return;
	}
	fprintf(out, "fault        %s at 0x%" PRIx64 ": %s, queue %" PRIu64 " (the last of %" PRIu64 ")\n",
		d->fault_info & 1 ? "write" : "read", d->fault_va,
		NAME(fault_names, d->fault_info >> 8 & 0xff), d->fault_queue, d->faults);
}

static void print_log(FILE *out, const char *log)
{
	fputs("firmware's log\n", out);
	while (*log) {
		char line[512], shown[4 * sizeof(line)];
		const size_t length = strcspn(log, "\n");

		snprintf(line, sizeof(line), "%.*s", (int)(length < sizeof(line) ? length : sizeof(line) - 1),
			 log);
		fprintf(out, "%s\n", text_printable(shown, sizeof(shown), line));
		log += length;
		log += *log == '\n';
	}
}

void dump_print(FILE *out, const struct dump *d)
{
	fprintf(out, "reason       %s\n", printable(d->reason));
	print_time(out, d->time);
	fprintf(out, "card         %s, serial %016" PRIx64 ", hardware %04x.%u, ABI %u.%u\n",
		printable(d->address), d->serial, (unsigned int)(d->hardware >> 16 & 0xffff),
		(unsigned int)(d->hardware & 0xffff), (unsigned int)(d->abi >> 16 & 0xffff),
		(unsigned int)(d->abi & 0xffff));
	fprintf(out, "firmware     %u.%u.%u (%s)\n", (unsigned int)(d->version >> 24 & 0xff),
		(unsigned int)(d->version >> 16 & 0xff), (unsigned int)(d->version & 0xffff),
		printable(d->build));
	fprintf(out, "module       %s\n", printable(d->module));
	fprintf(out, "process      %s (pid %" PRIu64 ")\n", printable(d->process), d->pid);
	fprintf(out, "queue        %" PRIu64 " (handle %" PRIu64 "), priority %s, %s\n", d->number,
		d->handle, NAME(priority_names, d->priority), NAME(state_names, d->state));
	fprintf(out, "progress     packets %" PRIu64 " of %" PRIu64 ", jobs %" PRIu64 " of %" PRIu64 "\n",
		d->head, d->tail, d->completed, d->emitted);
	print_error(out, d);
	print_fault(out, d);
	fprintf(out, "use          %" PRIu64 " ns of engines, %" PRIu64 " nJ\n", d->busy_ns, d->energy_nj);
	fputs(d->packet_count ? "ring         (=> is the next packet)\n" : "ring         nothing of it\n", out);
	for (unsigned int i = 0; i < d->packet_count; i++) {
		fprintf(out, "%s %9" PRIu64 "  ", d->packets[i].index == d->head ? "=>" : "  ",
			d->packets[i].index);
		dump_print_packet(out, d->packets[i].words);
		fputc('\n', out);
	}
	if (d->log)
		print_log(out, d->log);
}
