// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * Takes cards away, by unbinding and by reset, while binds are queued on them
 * and buffers are shared with them. For a VM with two cards of its own; TAP.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/sync_file.h>
#include <xf86drm.h>

#include "drv.h"
#include "vgem.h"

#define AT 0x80000000ull
#define SIZE (256 * 1024ull)
#define EITHER (DRM_NPU_MEMORY_SYSTEM | DRM_NPU_MEMORY_DEVICE)

static const char *const cards[] = {"0000:01:00.0", "0000:02:00.0"};

static void write_file(const char *path, const char *text)
{
	int file = open(path, O_WRONLY);

	if (file < 0 || write(file, text, strlen(text)) != (ssize_t)strlen(text))
		tap_bail("%s: %s", path, strerror(errno));
	close(file);
}

static void unbind(unsigned int card)
{
	write_file("/sys/bus/pci/drivers/npu/unbind", cards[card]);
}

static void bind(unsigned int card)
{
	write_file("/sys/bus/pci/drivers/npu/bind", cards[card]);
}

static void reset(unsigned int card)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/reset", cards[card]);
	write_file(path, "1");
}

/* N of the card's /dev/accel/accelN, which changes as it comes and goes. */
static unsigned int node(unsigned int card)
{
	unsigned int number = 0;
	struct dirent *entry;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/accel", cards[card]);
	dir = opendir(path);
	if (!dir)
		tap_bail("%s: %s", path, strerror(errno));
	while ((entry = readdir(dir)))
		if (sscanf(entry->d_name, "accel%u", &number) == 1)
			break;
	closedir(dir);
	return number;
}

static bool works(unsigned int card)
{
	struct drv_rig r;
	bool good;

	drv_rig_init(&r, node(card));
	good = drv_rig_works(&r);
	drv_rig_fini(&r);
	return good;
}

static uint32_t create(int fd, uint32_t placement)
{
	uint32_t bo;
	int ret = drv_bo_create(fd, SIZE, placement, DRM_NPU_BO_CPU_VISIBLE, 0, &bo);

	if (ret)
		tap_bail("BO_CREATE: %s", strerror(-ret));
	return bo;
}

static void must(int ret, const char *what)
{
	if (ret < 0)
		tap_bail("%s: %s", what, strerror(-ret));
}

static int fill(struct drv_rig *r, uint32_t value)
{
	drv_packet_fill(r->packets, AT, SIZE, value);
	return drv_rig_run(r, 1);
}

static bool is_filled(const void *memory, uint32_t value)
{
	for (size_t i = 0; i < SIZE; i += sizeof(value))
		if (memcmp((const char *)memory + i, &value, sizeof(value)))
			return false;
	return true;
}

static int status_of(int sync_file)
{
	struct sync_fence_info fence = {0};
	struct sync_file_info info = {.num_fences = 1, .sync_fence_info = (uintptr_t)&fence};

	return ioctl(sync_file, SYNC_IOC_FILE_INFO, &info) ? -errno : info.status;
}

/* ---- Queued binds ------------------------------------------------------------------ */

/* Three binds behind the gate; the last one's end as a sync_file. */
static int queue_binds(struct drv_rig *r, struct vgem_gate *gate)
{
	uint32_t a = create(r->fd, EITHER), b = create(r->fd, EITHER), closed;
	int file = vgem_gate_close(gate), sync_file;

	must(drv_syncobj(r->fd, &closed), "syncobj");
	if (drmSyncobjImportSyncFile(r->fd, closed, file))
		tap_bail("a gate cannot be handed over");
	close(file);
	must(drv_vm_map(r->fd, r->vm, AT, SIZE, a, 0, 0), "VM_BIND");
	for (int i = 0; i < 3; i++) {
		const struct drm_npu_vm_op op = {
			.op = i == 1 ? DRM_NPU_VM_OP_UNMAP : DRM_NPU_VM_OP_MAP,
			.va = AT,
			.size = SIZE,
			.bo = i == 1 ? 0 : b,
		};
		const struct drm_npu_sync syncs[] = {
			{DRM_NPU_SYNC_SIGNAL, r->syncobj, 0},
			{DRM_NPU_SYNC_WAIT, closed, 0},
		};

		must(drv_vm_bind_async(r->fd, r->vm, &op, 1, syncs, 2), "VM_BIND");
	}
	drv_bo_close(r->fd, a);
	drv_bo_close(r->fd, b);
	if (drmSyncobjExportSyncFile(r->fd, r->syncobj, &sync_file))
		tap_bail("no sync_file");
	return sync_file;
}

static void *unmap_in_turn(void *arg)
{
	struct drv_rig *r = arg;

	return (void *)(intptr_t)drv_vm_unmap(r->fd, r->vm, AT, SIZE);
}

static void queued_binds_end_with_the_card(struct vgem_gate *gate, void (*take)(unsigned int card),
					   const char *how)
{
	struct drm_npu_vm_get_state state;
	pthread_t thread;
	struct drv_rig r;
	int64_t start;
	int sync_file;
	void *ret;

	drv_rig_init(&r, node(0));
	sync_file = queue_binds(&r, gate);
	/* It waits for those that are queued. */
	pthread_create(&thread, NULL, unmap_in_turn, &r);
	usleep(50000);
	start = drv_now();
	take(0);
	tap(drv_now() - start < 5 * DRV_SECOND, "%s with queued binds takes less than 5 s", how);
	tap(poll(&(struct pollfd){.fd = sync_file, .events = POLLIN}, 1, 1000) == 1 &&
		    status_of(sync_file) == -ENODEV,
	    "%s: they end with ENODEV", how);
	pthread_join(thread, &ret);
	tap_ret((intptr_t)ret, -ENODEV, NULL, "%s: so does a bind that waits for them", how);
	tap_ret(drv_vm_map(r.fd, r.vm, AT, SIZE, r.data_bo, 0, 0), -ENODEV, NULL,
		"%s: and one that comes later", how);
	if (!drv_vm_state(r.fd, r.vm, &state))
		tap(state.state & DRM_NPU_VM_DEAD, "%s: the VM is dead", how);
	vgem_gate_open(gate);
	close(sync_file);
	drv_rig_fini(&r);
}

/* ---- Shared buffers ------------------------------------------------------------------ */

/* Who can follow has nothing to follow to; who cannot has the memory pinned, and keeps it. */
static void an_exporter_goes(void)
{
	struct drv_rig a, b;
	uint32_t bo, theirs;
	int dma_buf, ret;

	drv_rig_init(&a, node(0));
	drv_rig_init(&b, node(1));
	bo = create(a.fd, EITHER);
	must(drv_vm_map(a.fd, a.vm, AT, SIZE, bo, 0, 0), "VM_BIND");
	must(fill(&a, 0x12121212), "a job");
	dma_buf = prime_export(a.fd, bo);
	must(dma_buf, "export");
	must(prime_import(b.fd, dma_buf, &theirs), "import");
	must(drv_vm_map(b.fd, b.vm, AT, SIZE, theirs, 0, 0), "VM_BIND");
	must(fill(&b, 0x34343434), "a job of the importer");
	unbind(0);
	ret = fill(&b, 0x56565656);
	tap(!ret || ret == -ENODEV, "an importer has the memory still, or no job finds it (%d)",
	    ret);
	ret = prime_import(b.fd, dma_buf, &bo);
	tap(!ret && bo == theirs, "its handle is there (%d)", ret);
	tap(!drv_vm_unmap(b.fd, b.vm, AT, SIZE) && drv_rig_works(&b), "without it, it works");
	close(dma_buf);
	drv_rig_fini(&a);
	tap(drv_rig_works(&b), "also when the exporter has closed everything");
	drv_rig_fini(&b);
	bind(0);
	tap(works(0), "the exporter can be bound again");
}

static void an_importer_goes(int vgem)
{
	uint32_t bo, theirs, foreign = vgem_create(vgem, SIZE), imported;
	struct drv_rig a, b;
	int dma_buf;
	void *map;

	drv_rig_init(&a, node(0));
	drv_rig_init(&b, node(1));
	bo = create(a.fd, EITHER);
	must(drv_vm_map(a.fd, a.vm, AT, SIZE, bo, 0, 0), "VM_BIND");
	must(fill(&a, 0x78787878), "a job");
	dma_buf = prime_export(a.fd, bo);
	must(dma_buf, "export");
	must(prime_import(b.fd, dma_buf, &theirs), "import");
	close(dma_buf);
	dma_buf = prime_export(vgem, foreign);
	must(dma_buf, "vgem's export");
	must(prime_import(b.fd, dma_buf, &imported), "import");
	close(dma_buf);
	must(drv_vm_map(b.fd, b.vm, AT + SIZE, SIZE, theirs, 0, 0), "VM_BIND");
	must(drv_vm_map(b.fd, b.vm, AT, SIZE, imported, 0, 0), "VM_BIND");
	must(fill(&b, 0x9a9a9a9a), "a job of the importer");
	map = vgem_map(vgem, foreign, SIZE);
	unbind(1);
	tap(map != MAP_FAILED && is_filled(map, 0x9a9a9a9a), "what an importer wrote outlives it");
	memset(a.data, 0, SIZE);
	drv_packet_copy(a.packets, RIG_DATA_VA, AT, SIZE);
	tap(!drv_rig_run(&a, 1) && is_filled(a.data, 0x78787878) && !fill(&a, 0xbcbcbcbc),
	    "an exporter works without its importer");
	drv_bo_close(b.fd, theirs);
	drv_rig_fini(&b);
	munmap(map, SIZE);
	drmIoctl(vgem, DRM_IOCTL_GEM_CLOSE, &(struct drm_gem_close){.handle = foreign});
	tap(!fill(&a, 0xdededede), "also when the importer has closed everything");
	drv_rig_fini(&a);
	bind(1);
	tap(works(1), "the importer can be bound again");
}

/* ---- Under load ------------------------------------------------------------------------- */

struct busy {
	unsigned int card;
	int dma_buf; /* of the other card */
	bool stop;
	unsigned int done;
	int odd; /* an error that cannot be explained */
};

/* Binds, and imports, until the card is away. */
static void *keep_busy(void *arg)
{
	struct busy *x = arg;
	struct drv_rig r;

	drv_rig_init(&r, node(x->card));
	while (!__atomic_load_n(&x->stop, __ATOMIC_ACQUIRE)) {
		uint32_t bo;
		int ret = prime_import(r.fd, x->dma_buf, &bo);

		for (unsigned int i = 0; !ret && i < 8; i++) {
			const struct drm_npu_vm_op op = {
				.op = i % 3 == 2 ? DRM_NPU_VM_OP_UNMAP : DRM_NPU_VM_OP_MAP,
				.va = AT + i * DRV_PAGE,
				.size = SIZE,
				.bo = i % 3 == 2 ? 0 : bo,
			};

			ret = drv_vm_bind_async(r.fd, r.vm, &op, 1, NULL, 0);
		}
		if (!ret)
			ret = fill(&r, x->done);
		if (!ret)
			drv_bo_close(r.fd, bo);
		/* A queued unmap may be quicker than the job. */
		if (ret == -EIO || ret == -ECANCELED) {
			drv_queue_destroy(r.fd, r.queue);
			ret = drv_queue_create(r.fd, r.vm, DRM_NPU_PRIORITY_NORMAL, &r.queue);
		}
		if (ret == -ENODEV)
			break;
		if (ret)
			x->odd = ret;
		__atomic_fetch_add(&x->done, 1, __ATOMIC_RELEASE);
	}
	drv_rig_fini(&r);
	return NULL;
}

static void cards_go_under_load(void)
{
	unsigned int rounds = 0, done = 0;
	int odd = 0;

	for (; rounds < 4 && !odd; rounds++) {
		struct busy x = {.card = rounds % 2};
		pthread_t threads[2];
		struct drv_rig other;
		uint32_t bo;

		drv_rig_init(&other, node(!x.card));
		bo = create(other.fd, EITHER);
		x.dma_buf = prime_export(other.fd, bo);
		must(x.dma_buf, "export");
		for (int i = 0; i < 2; i++)
			pthread_create(&threads[i], NULL, keep_busy, &x);
		for (int i = 0; i < 500 && __atomic_load_n(&x.done, __ATOMIC_ACQUIRE) < 20; i++)
			usleep(10000);
		/* Rounds 0, 1: the busy one, which imports; 2, 3: the exporter. */
		unbind(rounds < 2 ? x.card : !x.card);
		__atomic_store_n(&x.stop, true, __ATOMIC_RELEASE);
		for (int i = 0; i < 2; i++)
			pthread_join(threads[i], NULL);
		close(x.dma_buf);
		drv_rig_fini(&other);
		bind(rounds < 2 ? x.card : !x.card);
		done += x.done;
		odd = x.odd;
	}
	tap(rounds == 4 && !odd && done > 40, "cards are unbound under binds and imports (%u, %d)",
	    done, odd);
	tap(works(0) && works(1), "both work afterwards");
}

int main(void)
{
	struct vgem_gate gate;

	vgem_gate_init(&gate);
	queued_binds_end_with_the_card(&gate, unbind, "unbinding");
	bind(0);
	tap(works(0), "the card can be bound again");
	queued_binds_end_with_the_card(&gate, reset, "a reset");
	tap(works(0), "the card works after it");
	an_exporter_goes();
	an_importer_goes(gate.vgem);
	cards_go_under_load();
	return tap_end();
}
