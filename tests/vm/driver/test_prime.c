// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* Buffers shared as dma-bufs: with another card, and with other drivers. */
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

#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <xf86drm.h>

#include "drv.h"
#include "vgem.h"

#define AT 0x80000000ull
#define SIZE (256 * 1024ull)
#define SYSTEM DRM_NPU_MEMORY_SYSTEM
#define DEVICE DRM_NPU_MEMORY_DEVICE
#define VISIBLE DRM_NPU_BO_CPU_VISIBLE

static void must(int ret, const char *what)
{
	if (ret < 0)
		tap_bail("%s: %s", what, strerror(-ret));
}

static uint32_t create(struct drv_rig *r, uint32_t placement, uint32_t flags)
{
	uint32_t bo;

	must(drv_bo_create(r->fd, SIZE, placement, flags, 0, &bo), "BO_CREATE");
	return bo;
}

/* Exports and closes nothing: the fd is the caller's. */
static int export(struct drv_rig *r, uint32_t bo)
{
	int dma_buf = prime_export(r->fd, bo);

	must(dma_buf, "export");
	return dma_buf;
}

static uint32_t region(struct drv_rig *r, uint32_t bo)
{
	struct drm_npu_bo_info info;

	must(drv_bo_info(r->fd, bo, &info), "BO_INFO");
	return info.region;
}

/* The card writes or reads a buffer that it has at AT for just that. */
static int fill(struct drv_rig *r, uint32_t bo, uint32_t value)
{
	int ret = drv_vm_map(r->fd, r->vm, AT, SIZE, bo, 0, 0);

	if (ret)
		return ret;
	drv_packet_fill(r->packets, AT, SIZE, value);
	ret = drv_rig_run(r, 1);
	drv_vm_unmap(r->fd, r->vm, AT, SIZE);
	return ret;
}

static bool is_filled(const void *memory, uint32_t value)
{
	for (size_t i = 0; i < SIZE; i += sizeof(value))
		if (memcmp((const char *)memory + i, &value, sizeof(value)))
			return false;
	return true;
}

/* What is mapped at AT holds `value` everywhere. */
static bool holds_at(struct drv_rig *r, uint32_t value)
{
	memset(r->data, 0xee, SIZE);
	drv_packet_copy(r->packets, RIG_DATA_VA, AT, SIZE);
	return !drv_rig_run(r, 1) && is_filled(r->data, value);
}

static bool holds(struct drv_rig *r, uint32_t bo, uint32_t value)
{
	bool good;

	if (drv_vm_map(r->fd, r->vm, AT, SIZE, bo, 0, 0))
		return false;
	good = holds_at(r, value);
	drv_vm_unmap(r->fd, r->vm, AT, SIZE);
	return good;
}

static bool comes_back_to(int fd, uint32_t where, uint64_t used)
{
	for (int i = 0; i < 500; i++) {
		if (drv_memory_used(fd, where) <= used)
			return true;
		usleep(10000);
	}
	printf("# %llu bytes in use, %llu before\n", (unsigned long long)drv_memory_used(fd, where),
	       (unsigned long long)used);
	return false;
}

/* ---- One card -------------------------------------------------------------------- */

static void one_card_gets_its_own_back(struct drv_rig *r)
{
	uint32_t bo = create(r, SYSTEM, VISIBLE), again, theirs, private;
	struct drv_rig other;
	struct drm_npu_bo_info info;
	int dma_buf = export(r, bo), second;

	drv_rig_init(&other, 0);
	tap(!prime_import(r->fd, dma_buf, &again) && again == bo,
	    "a file that imports its own buffer gets the same handle");
	second = export(r, bo);
	tap(!fill(r, bo, 0x11111111) && !prime_import(other.fd, dma_buf, &theirs) &&
		    holds(&other, theirs, 0x11111111),
	    "another file of the card gets the buffer");
	tap(!drv_bo_info(other.fd, theirs, &info) && info.size == SIZE &&
		    info.placement == SYSTEM && info.mmap_offset,
	    "as it was made");
	close(dma_buf);
	tap(!prime_import(r->fd, second, &again) && again == bo, "each export is the same buffer");
	close(second);
	drv_bo_close(r->fd, bo);
	tap(!fill(&other, theirs, 0x22222222) && holds(&other, theirs, 0x22222222),
	    "it outlives the file that made it");
	must(drv_bo_create(r->fd, SIZE, SYSTEM, 0, r->vm, &private), "BO_CREATE");
	tap_ret(prime_export(r->fd, private), -EPERM, NULL, "a buffer of one VM is not exported");
	tap_ret(prime_export(r->fd, 0x7fffffff), -ENOENT, NULL, "nor one that is not there");
	drv_bo_close(r->fd, private);
	drv_rig_fini(&other);
}

static void what_is_no_dma_buf_is_refused(struct drv_rig *r)
{
	int null = open("/dev/null", O_RDWR), memfd = memfd_create("no-dma-buf", 0);
	uint32_t handle;

	tap_ret(prime_import(r->fd, null, &handle), -EINVAL, NULL, "a file that is no dma-buf");
	tap_ret(prime_import(r->fd, memfd, &handle), -EINVAL, NULL, "memory that is none");
	tap_ret(prime_import(r->fd, 1000, &handle), -EBADF, NULL, "no file at all");
	tap_ret(prime_import(r->fd, r->fd, &handle), -EINVAL, NULL, "the card's node");
	close(null);
	close(memfd);
}

static void the_cpu_has_it_by_its_dma_buf(struct drv_rig *r)
{
	uint32_t bo = create(r, SYSTEM | DEVICE, VISIBLE), hidden = create(r, SYSTEM, 0), hog;
	int dma_buf = export(r, bo), other = export(r, hidden);
	uint32_t *map;

	map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, dma_buf, 0);
	if (map == MAP_FAILED)
		tap_bail("mmap of a dma-buf: %s", strerror(errno));
	tap(!fill(r, bo, 0x33333333) &&
		    !dma_buf_sync(dma_buf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ) &&
		    is_filled(map, 0x33333333) &&
		    !dma_buf_sync(dma_buf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ),
	    "the CPU reads what the card wrote");
	if (dma_buf_sync(dma_buf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE))
		tap_bail("DMA_BUF_IOCTL_SYNC: %s", strerror(errno));
	for (size_t i = 0; i < SIZE / 4; i++)
		map[i] = 0x44444444;
	tap(!dma_buf_sync(dma_buf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE) &&
		    holds(r, bo, 0x44444444),
	    "the card reads what the CPU wrote");
	tap(region(r, bo) == DEVICE &&
		    !drv_bo_create(r->fd, drv_memory_size(r->fd, DEVICE) - 16 * DRV_PAGE, DEVICE, 0,
				   0, &hog) &&
		    region(r, bo) != DEVICE && is_filled(map, 0x44444444),
	    "the mapping follows a buffer that makes room");
	map[0] = 0x55555555;
	drv_bo_close(r->fd, hog);
	map[0] = 0x44444444;
	tap(holds(r, bo, 0x44444444), "and back");
	tap(mmap(NULL, SIZE, PROT_READ, MAP_SHARED, other, 0) == MAP_FAILED && errno == EACCES,
	    "a buffer that the CPU must not see is not mapped");
	tap(mmap(NULL, SIZE + DRV_PAGE, PROT_READ, MAP_SHARED, dma_buf, 0) == MAP_FAILED &&
		    mmap(NULL, DRV_PAGE, PROT_READ, MAP_SHARED, dma_buf, SIZE) == MAP_FAILED,
	    "nor more than there is");
	close(dma_buf);
	drv_bo_close(r->fd, bo);
	tap(is_filled(map, 0x44444444), "the mapping keeps it");
	munmap(map, SIZE);
	close(other);
	drv_bo_close(r->fd, hidden);
}

/* Jobs do not put their fences where others look for implicit ones; a process can. */
static void fences_go_with_a_dma_buf(struct drv_rig *r)
{
	uint32_t bo = create(r, SYSTEM, VISIBLE), done;
	int dma_buf = export(r, bo), file, back;
	struct pollfd p = {.fd = dma_buf, .events = POLLIN | POLLOUT};

	must(drv_syncobj(r->fd, &done), "syncobj");
	memset(r->data, 0, 8);
	drv_packet_wait(r->packets, RIG_DATA_VA, 1);
	must(drv_vm_map(r->fd, r->vm, AT, SIZE, bo, 0, 0), "VM_BIND");
	must(drv_exec(r->fd, r->queue, RIG_PACKETS_VA, 1, 0, done), "EXEC");
	back = dma_buf_export_fences(dma_buf, DMA_BUF_SYNC_RW);
	must(back, "DMA_BUF_IOCTL_EXPORT_SYNC_FILE");
	p.fd = back;
	tap(poll(&p, 1, 0) == 1, "a running job is no implicit fence of a buffer");
	close(back);
	if (drmSyncobjExportSyncFile(r->fd, done, &file))
		tap_bail("no sync_file");
	tap_ret(dma_buf_import_fences(dma_buf, DMA_BUF_SYNC_WRITE, file), 0, NULL,
		"a process puts the job's fence there");
	p.fd = dma_buf;
	back = dma_buf_export_fences(dma_buf, DMA_BUF_SYNC_READ);
	must(back, "DMA_BUF_IOCTL_EXPORT_SYNC_FILE");
	tap(!poll(&p, 1, 0) && !poll(&(struct pollfd){.fd = back, .events = POLLIN}, 1, 0),
	    "others find it, and it has not signalled");
	__atomic_store_n((uint64_t *)r->data, 1, __ATOMIC_RELEASE);
	tap(!dma_buf_sync(dma_buf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ) &&
		    poll(&(struct pollfd){.fd = back, .events = POLLIN}, 1, 0) == 1 &&
		    poll(&p, 1, 0) == 1,
	    "access by the CPU waits for it");
	dma_buf_sync(dma_buf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ);
	tap_ret(drv_wait(r->fd, done, 0), 0, NULL, "and the job has ended");
	drv_vm_unmap(r->fd, r->vm, AT, SIZE);
	close(back);
	close(file);
	close(dma_buf);
	drv_bo_close(r->fd, bo);
	drmSyncobjDestroy(r->fd, done);
}

/* ---- Two cards --------------------------------------------------------------------- */

static void two_cards_share(struct drv_rig *a, struct drv_rig *b, uint32_t placement,
			    const char *name)
{
	uint32_t bo = create(a, placement, VISIBLE), theirs;
	struct drm_npu_bo_info info;
	int dma_buf = export(a, bo), ret;

	must(fill(a, bo, 0x61616161), "a job");
	ret = prime_import(b->fd, dma_buf, &theirs);
	tap_ret(ret, 0, NULL, "%s: the other card imports it", name);
	if (ret)
		return;
	tap(holds(b, theirs, 0x61616161), "%s: and reads what this one wrote", name);
	tap(!fill(b, theirs, 0x62626262) && holds(a, bo, 0x62626262),
	    "%s: this one reads what the other wrote", name);
	tap(region(a, bo) == SYSTEM && region(b, theirs) == SYSTEM, "%s: it lies in system memory",
	    name);
	tap(!drv_bo_info(b->fd, theirs, &info) && info.placement == SYSTEM && info.size == SIZE &&
		    !info.mmap_offset,
	    "%s: the CPU maps it by its dma-buf", name);
	tap_ret(drv_vm_map(b->fd, b->vm, AT, SIZE + DRV_PAGE, theirs, 0, 0), -EINVAL, NULL,
		"%s: no more of it is mapped than there is", name);
	close(dma_buf);
	drv_bo_close(a->fd, bo);
	drv_bo_close(b->fd, theirs);
}

static void device_memory_alone_is_not_shared(struct drv_rig *a, struct drv_rig *b, int vgem)
{
	uint32_t bo = create(a, DEVICE, 0), theirs;
	struct drv_rig other;
	int dma_buf = export(a, bo);

	drv_rig_init(&other, 0);
	must(fill(a, bo, 0x71717171), "a job");
	tap(!prime_import(other.fd, dma_buf, &theirs) && holds(&other, theirs, 0x71717171),
	    "device memory is shared between files of its card");
	tap_ret(prime_import(b->fd, dma_buf, &theirs), -EOPNOTSUPP, NULL,
		"but not with another card");
	tap_ret(prime_import(vgem, dma_buf, &theirs), -EOPNOTSUPP, NULL, "nor with another driver");
	tap(region(a, bo) == DEVICE && holds(a, bo, 0x71717171), "and has not moved");
	close(dma_buf);
	drv_bo_close(a->fd, bo);
	drv_rig_fini(&other);
}

static void either_side_may_go_first(struct drv_rig *b)
{
	uint64_t used = drv_memory_used(b->fd, SYSTEM);
	uint32_t bo, theirs, mine;
	struct drv_rig a, c;
	int dma_buf, again;

	/* The exporter's file, handle and fd go, then the importer reads. */
	drv_rig_init(&a, 0);
	bo = create(&a, SYSTEM | DEVICE, 0);
	must(fill(&a, bo, 0x81818181), "a job");
	dma_buf = export(&a, bo);
	must(prime_import(b->fd, dma_buf, &theirs), "import");
	close(dma_buf);
	drv_bo_close(a.fd, bo);
	drv_rig_fini(&a);
	tap(holds(b, theirs, 0x81818181), "an importer keeps what its exporter has closed");
	tap(!fill(b, theirs, 0x82828282) && holds(b, theirs, 0x82828282), "and works on it");
	/* The importer exports it again: it is the first card's. */
	again = prime_export(b->fd, theirs);
	drv_rig_init(&c, 0);
	tap(again >= 0 && !prime_import(c.fd, again, &mine) && holds(&c, mine, 0x82828282),
	    "exported once more, its own card finds it again");
	tap(!fill(&c, mine, 0x83838383) && holds(b, theirs, 0x83838383), "it is one buffer");
	close(again);
	drv_bo_close(b->fd, theirs);
	tap(holds(&c, mine, 0x83838383), "which the importer may close first");
	drv_rig_fini(&c);
	tap(comes_back_to(b->fd, SYSTEM, used), "at the end nothing of it is left");
}

static void a_mapping_keeps_an_import(struct drv_rig *a, struct drv_rig *b)
{
	uint64_t used = drv_memory_used(a->fd, SYSTEM);
	uint32_t bo = create(a, SYSTEM, 0), theirs, hog;
	int dma_buf = export(a, bo);

	must(fill(a, bo, 0x91919191), "a job");
	must(prime_import(b->fd, dma_buf, &theirs), "import");
	must(drv_vm_map(b->fd, b->vm, AT, SIZE, theirs, 0, 0), "VM_BIND");
	drv_bo_close(b->fd, theirs);
	drv_bo_close(a->fd, bo);
	close(dma_buf);
	tap(holds_at(b, 0x91919191), "a mapping keeps an import without a handle");
	must(drv_vm_bind_async(
		     b->fd, b->vm,
		     &(struct drm_npu_vm_op){.op = DRM_NPU_VM_OP_UNMAP, .va = AT, .size = SIZE}, 1,
		     NULL, 0),
	     "VM_BIND");
	tap(comes_back_to(a->fd, SYSTEM, used), "and lets go of it");
	/* What it held can be used by others. */
	tap(!drv_bo_create(a->fd, 2 * SIZE, SYSTEM, 0, 0, &hog) && !drv_bo_close(a->fd, hog),
	    "its memory is free");
}

/* Each import that starts with no handle is a buffer of its own: they share a reservation. */
static void imports_share_a_reservation(struct drv_rig *a, struct drv_rig *b)
{
	uint32_t bo = create(a, SYSTEM, 0), first, second;
	int dma_buf = export(a, bo);

	must(fill(a, bo, 0x95959595), "a job");
	must(prime_import(b->fd, dma_buf, &first), "import");
	must(drv_vm_map(b->fd, b->vm, AT, SIZE, first, 0, 0), "VM_BIND");
	drv_bo_close(b->fd, first);
	must(prime_import(b->fd, dma_buf, &second), "import");
	tap_ret(drv_vm_map(b->fd, b->vm, AT + SIZE, SIZE, second, 0, 0), 0, NULL,
		"a buffer is imported again, and mapped beside itself");
	drv_packet_fill(b->packets, AT + SIZE, SIZE, 0x96969696);
	tap(!drv_rig_run(b, 1) && holds_at(b, 0x96969696), "a job finds it at both places");
	tap(!drv_vm_unmap(b->fd, b->vm, AT, 2 * SIZE), "and both are unmapped");
	drv_bo_close(b->fd, second);
	drv_bo_close(a->fd, bo);
	close(dma_buf);
}

/* ---- Other drivers ------------------------------------------------------------------- */

/* Somebody else's buffer with `map` of it here. */
static void the_card_uses_it(struct drv_rig *r, int dma_buf, uint32_t *map, const char *name)
{
	uint32_t bo;
	int ret = prime_import(r->fd, dma_buf, &bo);

	tap_ret(ret, 0, NULL, "%s: the card imports it", name);
	if (ret)
		return;
	for (size_t i = 0; i < SIZE / 4; i++)
		map[i] = 0xa1a1a1a1;
	tap(holds(r, bo, 0xa1a1a1a1), "%s: the card reads what the CPU wrote", name);
	tap(!fill(r, bo, 0xa2a2a2a2) && is_filled(map, 0xa2a2a2a2),
	    "%s: the CPU reads what the card wrote", name);
	close(dma_buf);
	tap(!fill(r, bo, 0xa3a3a3a3) && is_filled(map, 0xa3a3a3a3),
	    "%s: also when nothing else keeps it", name);
	tap(mmap(NULL, SIZE, PROT_READ, MAP_SHARED, r->fd, 0x100000000ull) == MAP_FAILED,
	    "%s: it has no mapping by the card's node", name);
	drv_bo_close(r->fd, bo);
}

static void vgem_exports(struct drv_rig *r, int vgem)
{
	uint32_t bo = vgem_create(vgem, SIZE);
	int dma_buf = prime_export(vgem, bo);
	void *map = vgem_map(vgem, bo, SIZE);

	must(dma_buf, "vgem's export");
	if (map == MAP_FAILED)
		tap_bail("vgem's mmap: %s", strerror(errno));
	the_card_uses_it(r, dma_buf, map, "vgem");
	munmap(map, SIZE);
	drmIoctl(vgem, DRM_IOCTL_GEM_CLOSE, &(struct drm_gem_close){.handle = bo});
}

static void udmabuf_exports(struct drv_rig *r)
{
	struct udmabuf_create args = {.flags = UDMABUF_FLAGS_CLOEXEC, .size = SIZE};
	int device = open("/dev/udmabuf", O_RDWR), dma_buf;
	void *map;

	args.memfd = memfd_create("udmabuf", MFD_ALLOW_SEALING);
	if (device < 0 || ftruncate(args.memfd, SIZE) ||
	    fcntl(args.memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		tap_bail("no udmabuf: %s", strerror(errno));
	map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, args.memfd, 0);
	memset(map, 0, SIZE);
	dma_buf = ioctl(device, UDMABUF_CREATE, &args);
	if (dma_buf < 0)
		tap_bail("UDMABUF_CREATE: %s", strerror(errno));
	the_card_uses_it(r, dma_buf, map, "udmabuf");
	munmap(map, SIZE);
	close(args.memfd);
	close(device);
}

static void a_heap_exports(struct drv_rig *r)
{
	struct dma_heap_allocation_data args = {.len = SIZE, .fd_flags = O_RDWR | O_CLOEXEC};
	int heap = open("/dev/dma_heap/system", O_RDWR);
	void *map;

	if (heap < 0 || ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &args))
		tap_bail("no dma-heap: %s", strerror(errno));
	map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, args.fd, 0);
	if (map == MAP_FAILED)
		tap_bail("mmap of a heap's buffer: %s", strerror(errno));
	the_card_uses_it(r, args.fd, map, "dma-heap");
	munmap(map, SIZE);
	close(heap);
}

/* vgem keeps what it imports; not every kernel's maps it. */
static void vgem_imports(struct drv_rig *r, int vgem)
{
	uint64_t used = drv_memory_used(r->fd, SYSTEM);
	uint32_t bo = create(r, SYSTEM | DEVICE, 0), theirs, back = 0;
	int dma_buf = export(r, bo), again;

	must(fill(r, bo, 0xb1b1b1b1), "a job");
	tap_ret(prime_import(vgem, dma_buf, &theirs), 0, NULL, "vgem imports a buffer");
	close(dma_buf);
	tap(holds(r, bo, 0xb1b1b1b1) && !fill(r, bo, 0xb2b2b2b2), "which the card still uses");
	drv_bo_close(r->fd, bo);
	again = prime_export(vgem, theirs);
	must(again, "vgem's export");
	tap(!prime_import(r->fd, again, &back) && holds(r, back, 0xb2b2b2b2),
	    "and gets back when nobody else has it");
	close(again);
	drv_bo_close(r->fd, back);
	drmIoctl(vgem, DRM_IOCTL_GEM_CLOSE, &(struct drm_gem_close){.handle = theirs});
	tap(comes_back_to(r->fd, SYSTEM, used), "vgem lets go of it");
}

/* ---- Races ------------------------------------------------------------------------------ */

struct racer {
	int fd;
	int dma_buf;
	bool stop;
	unsigned int imports;
	unsigned int odd; /* errors that cannot be explained */
};

static void *race(void *arg)
{
	struct racer *x = arg;

	while (!__atomic_load_n(&x->stop, __ATOMIC_ACQUIRE)) {
		struct drm_npu_bo_info info;
		uint32_t handle;
		int again;

		if (prime_import(x->fd, x->dma_buf, &handle)) {
			x->odd++;
			continue;
		}
		__atomic_fetch_add(&x->imports, 1, __ATOMIC_RELAXED);
		/* The other thread may have closed it: they share the handle. */
		if (!drv_bo_info(x->fd, handle, &info) && info.size != SIZE)
			x->odd++;
		again = prime_export(x->fd, handle);
		if (again >= 0)
			close(again);
		drv_bo_close(x->fd, handle);
	}
	return NULL;
}

/* Hazards 7, 8, 13, 16. */
static void imports_race_closing(struct drv_rig *a, struct drv_rig *b)
{
	uint32_t bo = create(a, SYSTEM, 0);
	struct racer x = {.fd = b->fd, .dma_buf = export(a, bo)};
	pthread_t threads[3];

	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, race, &x);
	usleep(300000);
	drv_bo_close(a->fd, bo);
	usleep(300000);
	__atomic_store_n(&x.stop, true, __ATOMIC_RELEASE);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	close(x.dma_buf);
	tap(x.imports > 10 && !x.odd,
	    "three threads import, export and close the same buffer (%u times, %u)", x.imports,
	    x.odd);
	tap(drv_rig_works(a) && drv_rig_works(b), "and both cards work");
}

int main(void)
{
	uint64_t system, device;
	struct drv_rig a, b;
	int vgem;

	drv_rig_init(&a, 0);
	drv_rig_init(&b, 1);
	vgem = vgem_open();
	system = drv_memory_used(a.fd, SYSTEM);
	device = drv_memory_used(a.fd, DEVICE);
	one_card_gets_its_own_back(&a);
	what_is_no_dma_buf_is_refused(&a);
	the_cpu_has_it_by_its_dma_buf(&a);
	fences_go_with_a_dma_buf(&a);
	two_cards_share(&a, &b, SYSTEM, "system memory");
	two_cards_share(&b, &a, SYSTEM | DEVICE, "device memory that may move");
	device_memory_alone_is_not_shared(&a, &b, vgem);
	either_side_may_go_first(&b);
	a_mapping_keeps_an_import(&a, &b);
	imports_share_a_reservation(&a, &b);
	vgem_exports(&a, vgem);
	udmabuf_exports(&a);
	a_heap_exports(&b);
	vgem_imports(&a, vgem);
	imports_race_closing(&a, &b);
	tap(comes_back_to(a.fd, SYSTEM, system) && comes_back_to(a.fd, DEVICE, device),
	    "nothing is left of all that");
	drv_rig_fini(&b);
	drv_rig_fini(&a);
	return tap_end();
}
