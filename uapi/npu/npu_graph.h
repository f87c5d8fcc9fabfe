/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
/* Copyright The npu authors */
/*
 * Compiled graphs: a constrained ELF64 file. docs/graph.md has every rule.
 *
 * ELFCLASS64, ELFDATA2LSB, e_type ET_EXEC, e_machine NPU_GRAPH_MACHINE, no
 * program headers. Sections, each at most once, in any order; their file
 * ranges lie inside the file and overlap neither one another nor the ELF and
 * section headers; gaps are zero and shorter than 4 KiB, and nothing follows
 * the last range. Other sections are refused.
 *
 *	.note.npu.compat   SHT_NOTE      struct npu_graph_compat
 *	.npu.io            SHT_PROGBITS  struct npu_graph_io_header, entries
 *	.npu.code          SHT_PROGBITS  a program (npu_isa.h), 64-byte aligned
 *	.npu.weights       SHT_PROGBITS  base 0; 4 KiB aligned; may be absent
 *	.npu.scratch       SHT_NOBITS    base 1; only its size; may be absent
 *	.npu.strings       SHT_STRTAB    names; starts and ends with a zero byte
 *	.npu.nodes         SHT_PROGBITS  __u32 offsets into .npu.strings, one for each node
 *	.npu.digest        SHT_PROGBITS  struct npu_graph_digest, one for each section but itself,
 *					 .npu.scratch and .shstrtab, ascending by section
 *	.shstrtab          SHT_STRTAB    section names
 *
 * Base table of an execution: 0 weights (read), 1 scratch (read, write),
 * 2 + i the i-th entry of .npu.io (inputs read, outputs write).
 */
#ifndef NPU_GRAPH_H
#define NPU_GRAPH_H

#include <linux/types.h>

#define NPU_GRAPH_MACHINE	0x4e50
#define NPU_GRAPH_VERSION	1

#define NPU_GRAPH_BASE_WEIGHTS	0
#define NPU_GRAPH_BASE_SCRATCH	1
#define NPU_GRAPH_BASE_IO	2

#define NPU_GRAPH_SECTION_COMPAT	".note.npu.compat"
#define NPU_GRAPH_SECTION_IO		".npu.io"
#define NPU_GRAPH_SECTION_CODE		".npu.code"
#define NPU_GRAPH_SECTION_WEIGHTS	".npu.weights"
#define NPU_GRAPH_SECTION_SCRATCH	".npu.scratch"
#define NPU_GRAPH_SECTION_STRINGS	".npu.strings"
#define NPU_GRAPH_SECTION_NODES		".npu.nodes"
#define NPU_GRAPH_SECTION_DIGEST	".npu.digest"

/* ELF note: name "npu\0", type NPU_GRAPH_NOTE_COMPAT, this descriptor. */
#define NPU_GRAPH_NOTE_NAME	"npu"
#define NPU_GRAPH_NOTE_COMPAT	1

struct npu_graph_compat {
	__u32 format_version;	/* NPU_GRAPH_VERSION */
	__u32 program_version;	/* NPU_PROGRAM_VERSION */
	__u64 features_required;	/* none defined: a reader refuses bits it does not know */
	__u64 features_optional;	/* a reader may ignore these */
	__u32 abi_min;		/* card ABI range (NPU_REG_ABI values, major 31:16) */
	__u32 abi_max;
	__u32 name;		/* graph's name, offset into .npu.strings */
	__u32 compiler;		/* compiler's name and version, likewise */
	__u64 macs;		/* multiply-accumulates of one execution */
};

#define NPU_GRAPH_IO_MAX	254
#define NPU_GRAPH_NAME_MAX	255	/* bytes of an input's or output's name */

struct npu_graph_io_header {
	__u32 count;		/* 1 .. NPU_GRAPH_IO_MAX */
	__u32 stride;		/* bytes from entry to entry: >= sizeof(struct npu_graph_io), multiple of 8 */
	__u64 mbz;
};

#define NPU_GRAPH_INPUT		1
#define NPU_GRAPH_OUTPUT	2

#define NPU_GRAPH_QUANTISED	0x01	/* scale and zero_point are valid */

struct npu_graph_io {
	__u32 name;		/* offset into .npu.strings */
	__u8 direction;		/* NPU_GRAPH_INPUT or _OUTPUT; inputs stand first */
	__u8 type;		/* NPU_TYPE_* */
	__u8 rank;
	__u8 flags;		/* NPU_GRAPH_QUANTISED */
	__u32 extent[6];	/* row-major and dense; behind the rank: 0 */
	__u32 scale;		/* f32 bits: real = (q - zero_point) * scale */
	__s32 zero_point;
	__u64 size;		/* bytes */
	__u64 mbz;
};

#define NPU_GRAPH_DIGEST_SHA256	1

struct npu_graph_digest {
	__u32 section;		/* ELF section index */
	__u32 algorithm;	/* NPU_GRAPH_DIGEST_SHA256 */
	__u8 value[32];
};

#endif /* NPU_GRAPH_H */
