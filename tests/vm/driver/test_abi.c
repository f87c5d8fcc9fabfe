// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * The rules of the interface, for every struct of it: fields that must be zero
 * and unknown flags are refused, a longer struct works if what the kernel does
 * not know is zero (E2BIG otherwise), a shorter one counts as filled up with
 * zeros. Structs, fields and flags come from the header itself
 * (tests/abi/fields.awk); what is written here is one valid call of each ioctl.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "drv.h"

#define VA	0x40000000ull
#define GROWTH	16u	/* bytes that a later version adds */

enum kind { MBZ, FLAGS };

struct field {
	const char *type, *member;
	enum kind kind;
	size_t offset, size;
	uint64_t known;		/* FLAGS: bits that exist */
};

#define IOCTL(name, type)
#define MBZ(t, m) { #t, #m, MBZ, offsetof(struct drm_npu_##t, m), \
		    sizeof(((struct drm_npu_##t *)0)->m), 0 },
#define FLAGS(t, m, k) { #t, #m, FLAGS, offsetof(struct drm_npu_##t, m), \
			 sizeof(((struct drm_npu_##t *)0)->m), k },
static const struct field fields[] = {
#include "abi_fields.h"
};
#undef IOCTL
#undef MBZ
#undef FLAGS

/* What is done to the structs of one type on their way to the kernel. */
static struct change {
	const char *type;	/* NULL: nothing */
	int growth;		/* bytes more, or less; 0: a bit is turned */
	size_t offset;		/* its member's */
	unsigned int bit;
	uint8_t tail;		/* what the last byte of a longer one holds */
	bool met;		/* such a struct came by */
} change;

static struct drv_rig rig;

/* Room for what the kernel sees; returns the size that the caller claims. */
static size_t altered(const char *type, const void *arg, size_t size, uint8_t room[256])
{
	memset(room, 0, 256);
	memcpy(room, arg, size);
	if (!change.type || strcmp(change.type, type))
		return size;
	change.met = true;
	if (!change.growth)
		room[change.offset + change.bit / 8] ^= 1u << change.bit % 8;
	size += change.growth;
	if (change.tail)
		room[size - 1] = change.tail;
	return size;
}

static int call(const char *type, unsigned long request, void *arg, size_t size)
{
	uint8_t room[256];
	size_t claimed = altered(type, arg, size, room);
	int ret;

	request = _IOC(_IOC_DIR(request), _IOC_TYPE(request), _IOC_NR(request), claimed);
	ret = drv_ioctl(rig.fd, request, room);
	memcpy(arg, room, size < claimed ? size : claimed);
	return ret;
}

#define CALL(type, name, arg) call(#type, DRM_IOCTL_NPU_##name, arg, sizeof(*(arg)))

/* An array of one element; @room holds it. */
static struct drm_npu_array array_of(const char *type, const void *element, size_t size,
				     uint8_t room[256])
{
	return (struct drm_npu_array){
		.stride = altered(type, element, size, room),
		.pointer = (uintptr_t)room,
		.count = 1,
	};
}

/* ---- One valid call of each ------------------------------------------------------ */

/* An ioctl that has no call here yet is named, and not checked. */
#define IOCTL(name, type) int do_##type(void) __attribute__((weak));
#define MBZ(type, member)
#define FLAGS(type, member, known)
#include "abi_fields.h"
#undef IOCTL
#undef MBZ
#undef FLAGS

int do_dev_query(void)
{
	struct drm_npu_dev_query args = { .type = DRM_NPU_QUERY_DEVICE };

	return CALL(dev_query, DEV_QUERY, &args);
}

int do_bo_create(void)
{
	struct drm_npu_bo_create args = { .size = DRV_PAGE, .placement = DRM_NPU_MEMORY_SYSTEM };
	int ret = CALL(bo_create, BO_CREATE, &args);

	if (!ret && args.handle)
		drv_bo_close(rig.fd, args.handle);
	return ret;
}

int do_bo_info(void)
{
	struct drm_npu_bo_info args = { .handle = rig.data_bo };

	return CALL(bo_info, BO_INFO, &args);
}

int do_vm_create(void)
{
	struct drm_npu_vm_create args = {};
	int ret = CALL(vm_create, VM_CREATE, &args);

	if (!ret && args.vm)
		drv_vm_destroy(rig.fd, args.vm);
	return ret;
}

int do_vm_destroy(void)
{
	struct drm_npu_vm_destroy args = {};
	int ret = drv_vm_create(rig.fd, &args.vm);

	if (ret)
		tap_bail("VM_CREATE: %s", strerror(-ret));
	ret = CALL(vm_destroy, VM_DESTROY, &args);
	if (ret)
		drv_vm_destroy(rig.fd, args.vm);
	return ret;
}

int do_vm_bind(void)
{
	const struct drm_npu_vm_op op = {
		.op = DRM_NPU_VM_OP_MAP, .va = VA, .size = DRV_PAGE, .bo = rig.data_bo,
	};
	struct drm_npu_vm_bind args = { .vm = rig.vm };
	uint8_t room[256];

	args.ops = array_of("vm_op", &op, sizeof(op), room);
	return CALL(vm_bind, VM_BIND, &args);
}

int do_vm_get_state(void)
{
	struct drm_npu_vm_get_state args = { .vm = rig.vm };

	return CALL(vm_get_state, VM_GET_STATE, &args);
}

int do_queue_create(void)
{
	struct drm_npu_queue_create args = { .vm = rig.vm, .priority = DRM_NPU_PRIORITY_NORMAL };
	int ret = CALL(queue_create, QUEUE_CREATE, &args);

	if (!ret && args.queue)
		drv_queue_destroy(rig.fd, args.queue);
	return ret;
}

int do_queue_destroy(void)
{
	struct drm_npu_queue_destroy args = {};
	int ret = drv_queue_create(rig.fd, rig.vm, DRM_NPU_PRIORITY_NORMAL, &args.queue);

	if (ret)
		tap_bail("QUEUE_CREATE: %s", strerror(-ret));
	ret = CALL(queue_destroy, QUEUE_DESTROY, &args);
	if (ret)
		drv_queue_destroy(rig.fd, args.queue);
	return ret;
}

int do_queue_get_state(void)
{
	struct drm_npu_queue_get_state args = { .queue = rig.queue };

	return CALL(queue_get_state, QUEUE_GET_STATE, &args);
}

int do_exec(void)
{
	const struct drm_npu_command command = { .va = RIG_PACKETS_VA, .count = 1 };
	const struct drm_npu_sync sync = { .flags = DRM_NPU_SYNC_SIGNAL, .handle = rig.syncobj };
	struct drm_npu_exec args = { .queue = rig.queue };
	uint8_t commands[256], syncs[256];
	int ret;

	args.commands = array_of("command", &command, sizeof(command), commands);
	args.syncs = array_of("sync", &sync, sizeof(sync), syncs);
	ret = CALL(exec, EXEC, &args);
	return ret ?: drv_wait(rig.fd, rig.syncobj, 10 * DRV_SECOND);
}

#define IOCTL(name, type) { #type, do_##type, sizeof(struct drm_npu_##type) },
#define MBZ(type, member)
#define FLAGS(type, member, known)
static const struct valid {
	const char *type;
	int (*run)(void);
	size_t size;
} valid[] = {
#include "abi_fields.h"
};
#undef IOCTL
#undef MBZ
#undef FLAGS

/* Elements of arrays, and the call that carries one. */
static const struct valid elements[] = {
	{ "vm_op", do_vm_bind, sizeof(struct drm_npu_vm_op) },
	{ "command", do_exec, sizeof(struct drm_npu_command) },
	{ "sync", do_exec, sizeof(struct drm_npu_sync) },
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct valid *find(const char *type)
{
	for (size_t i = 0; i < COUNT(valid); i++)
		if (!strcmp(valid[i].type, type))
			return &valid[i];
	for (size_t i = 0; i < COUNT(elements); i++)
		if (!strcmp(elements[i].type, type))
			return &elements[i];
	return NULL;
}

static int run_changed(const struct valid *v, struct change how)
{
	int ret;

	change = how;
	change.type = v->type;
	ret = v->run();
	if (!change.met)
		tap_bail("the call for struct drm_npu_%s does not carry one", v->type);
	change = (struct change){};
	return ret;
}

/* ---- The rules ----------------------------------------------------------------------- */

static void field_is_checked(const struct field *field)
{
	const struct valid *v = find(field->type);
	unsigned int bits = 0, refused = 0;

	if (!v || !v->run)
		return;
	for (unsigned int bit = 0; bit < 8 * field->size; bit++) {
		if (field->kind == FLAGS && (field->known >> bit & 1))
			continue;
		bits++;
		if (run_changed(v, (struct change){ .offset = field->offset, .bit = bit }) == -EINVAL)
			refused++;
	}
	tap(bits && refused == bits, "%s.%s: %u of %u %s are refused with EINVAL", field->type,
	    field->member, refused, bits, field->kind == MBZ ? "bits" : "unknown bits");
}

/* Bytes that the calls above need of each struct; the rest of it is zero. */
static const struct {
	const char *type;
	size_t size;
} shortest[] = {
	{ "dev_query", 8 }, { "bo_create", 12 }, { "bo_info", 4 }, { "vm_create", 4 },
	{ "vm_destroy", 4 }, { "vm_bind", 24 }, { "vm_get_state", 4 }, { "queue_create", 8 },
	{ "queue_destroy", 4 }, { "queue_get_state", 4 }, { "exec", 24 },
	{ "vm_op", 36 }, { "command", 12 }, { "sync", 8 },
};

static void may_be_shorter(const struct valid *v)
{
	for (size_t i = 0; i < COUNT(shortest); i++) {
		if (strcmp(shortest[i].type, v->type))
			continue;
		tap_ret(run_changed(v, (struct change){ .growth = shortest[i].size - v->size }), 0,
			NULL, "%s: %zu bytes of %zu", v->type, shortest[i].size, v->size);
		return;
	}
	tap(false, "%s: how short may it be?", v->type);
}

static void may_be_longer(const struct valid *v)
{
	tap_ret(v->run(), 0, NULL, "%s: the call works", v->type);
	tap_ret(run_changed(v, (struct change){ .growth = GROWTH }), 0, NULL,
		"%s: longer, with zeros", v->type);
	tap_ret(run_changed(v, (struct change){ .growth = GROWTH, .tail = 1 }), -E2BIG, NULL,
		"%s: longer, and its last byte is not zero", v->type);
	tap_ret(run_changed(v, (struct change){ .growth = 1, .tail = 0x80 }), -E2BIG, NULL,
		"%s: a byte longer that is not zero", v->type);
	tap_ret(v->run(), 0, NULL, "%s: the call works as before", v->type);
}

int main(void)
{
	drv_rig_init(&rig, 0);
	drv_packet_fill(rig.packets, RIG_DATA_VA, 64, 1);
	for (size_t i = 0; i < COUNT(valid); i++) {
		if (!valid[i].run) {
			printf("# no call here carries a struct drm_npu_%s\n", valid[i].type);
			continue;
		}
		may_be_longer(&valid[i]);
		may_be_shorter(&valid[i]);
	}
	for (size_t i = 0; i < COUNT(elements); i++) {
		may_be_longer(&elements[i]);
		may_be_shorter(&elements[i]);
	}
	for (size_t i = 0; i < COUNT(fields); i++)
		field_is_checked(&fields[i]);
	drv_rig_fini(&rig);
	return tap_end();
}
