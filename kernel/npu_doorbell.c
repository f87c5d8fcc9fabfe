// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/*
 * What a process maps of a user queue: the doorbell page and the wake page of
 * BAR2, and the control page, in one shared mapping.
 *
 * The first two are there while the queue runs. When it is suspended they are
 * taken away, and an access brings it back (npu_userq_kick()). When it has
 * ended they are an ordinary page that nobody else sees, and when it has left
 * the card the control page is one, with the card's last words: a process that
 * serves many cards does not die by SIGBUS for the loss of one.
 *
 * The offsets have a manager of their own, behind those of buffers, so that
 * nothing that looks for a buffer finds one of these.
 */
#include <linux/mm.h>
#include <linux/pci.h>

#include <drm/drm_drv.h>
#include <drm/drm_gem.h>
#include <drm/drm_managed.h>

#include "npu_device.h"
#include "npu_doorbell.h"
#include "npu_queue.h"
#include "npu_userq.h"

#define NPU_DOORBELL_PGOFF	(DRM_FILE_PAGE_OFFSET_START + DRM_FILE_PAGE_OFFSET_SIZE)
/* Queues that were destroyed take no place. */
#define NPU_DOORBELL_PGOFFS	(16 * NPU_QUEUES_MAX * DRM_NPU_USERQ_PAGES)

/* How long an access waits before it tries anew, and signals are looked at. */
#define NPU_DOORBELL_WAIT_MS	1000

static void npu_doorbell_fini_device(struct drm_device *drm, void *offsets)
{
	drm_vma_offset_manager_destroy(offsets);
}

int npu_doorbell_init_device(struct npu_device *ndev)
{
	drm_vma_offset_manager_init(&ndev->doorbell_offsets, NPU_DOORBELL_PGOFF,
				    NPU_DOORBELL_PGOFFS);
	return drmm_add_action_or_reset(&ndev->drm, npu_doorbell_fini_device,
					&ndev->doorbell_offsets);
}

int npu_doorbell_publish(struct npu_userq *user, struct drm_file *file)
{
	struct npu_device *ndev = user->queue->ndev;
	int ret;

	ret = drm_vma_node_allow(&user->node, file);
	if (ret)
		return ret;
	ret = drm_vma_offset_add(&ndev->doorbell_offsets, &user->node, DRM_NPU_USERQ_PAGES);
	if (ret) {
		drm_vma_node_revoke(&user->node, file);
		return ret;
	}
	user->pgoff = drm_vma_node_start(&user->node);
	user->file = file;
	return 0;
}

void npu_doorbell_unpublish(struct npu_userq *user)
{
	if (!user->file)
		return;
	drm_vma_offset_remove(&user->queue->ndev->doorbell_offsets, &user->node);
	drm_vma_node_revoke(&user->node, user->file);
	user->file = NULL;
}

/* The caller has made sure that no fault maps them again. */
static void npu_doorbell_unmap(struct npu_userq *user, unsigned int pages)
{
	unmap_mapping_range(user->queue->ndev->drm.anon_inode->i_mapping,
			    (loff_t)user->pgoff << PAGE_SHIFT, (loff_t)pages << PAGE_SHIFT, 1);
}

void npu_doorbell_close(struct npu_userq *user)
{
	bool was;

	scoped_guard(mutex, &user->map_lock) {
		was = user->open;
		user->open = false;
	}
	if (was)
		npu_doorbell_unmap(user, DRM_NPU_USERQ_CONTROL);
}

void npu_doorbell_open(struct npu_userq *user)
{
	guard(mutex)(&user->map_lock);
	WRITE_ONCE(user->open, true);
}

void npu_doorbell_abandon(struct npu_userq *user)
{
	scoped_guard(mutex, &user->map_lock) {
		user->open = false;
		memcpy(&user->last_words, page_address(user->control_page),
		       sizeof(user->last_words));
		user->control_page = NULL;
	}
	npu_doorbell_unmap(user, DRM_NPU_USERQ_PAGES);
}

void npu_doorbell_free(struct npu_userq *user)
{
	for (int i = 0; i < ARRAY_SIZE(user->after); i++)
		if (user->after[i])
			__free_page(user->after[i]);
}

/* ---- Mappings ---------------------------------------------------------------- */

static void npu_doorbell_vm_open(struct vm_area_struct *vma)
{
	struct npu_userq *user = vma->vm_private_data;

	npu_queue_get(user->queue);
}

static void npu_doorbell_vm_close(struct vm_area_struct *vma)
{
	struct npu_userq *user = vma->vm_private_data;

	npu_queue_put(user->queue);
}

static vm_fault_t npu_doorbell_insert_page(struct vm_fault *vmf, struct page *page)
{
	return vmf_insert_pfn(vmf->vma, vmf->address, page_to_pfn(page));
}

/* What stands in the place of a page that the card has no more. */
static vm_fault_t npu_doorbell_insert_after(struct npu_userq *user, struct vm_fault *vmf,
					    bool control)
{
	struct page **page = &user->after[control];

	lockdep_assert_held(&user->map_lock);
	if (!*page) {
		*page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
		if (!*page)
			return VM_FAULT_OOM;
		if (control)
			memcpy(page_address(*page), &user->last_words, sizeof(user->last_words));
	}
	return npu_doorbell_insert_page(vmf, *page);
}

static vm_fault_t npu_doorbell_insert_bar(struct npu_userq *user, struct vm_fault *vmf,
					  unsigned long page)
{
	struct npu_queue *queue = user->queue;
	resource_size_t at = queue->ndev->doorbells_phys;

	lockdep_assert_held(&user->map_lock);
	at += page == DRM_NPU_USERQ_WAKE ? NPU_WAKE_PAGE(queue->number) :
					   NPU_DOORBELL_PAGE(queue->number);
	return vmf_insert_pfn_prot(vmf->vma, vmf->address, PHYS_PFN(at),
				   pgprot_decrypted(pgprot_noncached(vmf->vma->vm_page_prot)));
}

/* VM_FAULT_RETRY: the queue is suspended. */
static vm_fault_t npu_doorbell_try(struct npu_userq *user, struct vm_fault *vmf)
{
	unsigned long page = vmf->pgoff - user->pgoff;

	guard(mutex)(&user->map_lock);
	if (page == DRM_NPU_USERQ_CONTROL)
		return user->control_page ? npu_doorbell_insert_page(vmf, user->control_page) :
					    npu_doorbell_insert_after(user, vmf, true);
	if (!user->control_page || READ_ONCE(user->queue->error))
		return npu_doorbell_insert_after(user, vmf, false);
	return user->open ? npu_doorbell_insert_bar(user, vmf, page) : VM_FAULT_RETRY;
}

static bool npu_doorbell_waits_no_more(struct npu_userq *user)
{
	return READ_ONCE(user->open) || READ_ONCE(user->queue->error);
}

static void npu_doorbell_wait(struct npu_userq *user, bool interruptible)
{
	const unsigned long timeout = msecs_to_jiffies(NPU_DOORBELL_WAIT_MS);

	npu_userq_kick(user, true);
	if (interruptible)
		wait_event_interruptible_timeout(user->wait, npu_doorbell_waits_no_more(user),
						 timeout);
	else
		wait_event_killable_timeout(user->wait, npu_doorbell_waits_no_more(user), timeout);
}

static vm_fault_t npu_doorbell_fault(struct vm_fault *vmf)
{
	struct npu_userq *user = vmf->vma->vm_private_data;
	bool interruptible = vmf->flags & FAULT_FLAG_INTERRUPTIBLE;
	struct npu_queue *queue = user->queue;
	vm_fault_t ret;

	ret = npu_doorbell_try(user, vmf);
	if (ret != VM_FAULT_RETRY)
		return ret;
	if (!fault_flag_allow_retry_first(vmf->flags)) {
		/* The access faults again, and again, until it works or a signal ends it. */
		npu_doorbell_wait(user, interruptible);
		return VM_FAULT_NOPAGE;
	}
	if (vmf->flags & FAULT_FLAG_RETRY_NOWAIT)
		return VM_FAULT_RETRY;
	/* Others may change mappings meanwhile; this one may go. */
	npu_queue_get(queue);
	mmap_read_unlock(vmf->vma->vm_mm);
	npu_doorbell_wait(user, interruptible);
	npu_queue_put(queue);
	return VM_FAULT_RETRY;
}

static const struct vm_operations_struct npu_doorbell_vm_ops = {
	.open = npu_doorbell_vm_open,
	.close = npu_doorbell_vm_close,
	.fault = npu_doorbell_fault,
};

/* A reference to the user queue that stands exactly there, if @file may map it. */
static struct npu_userq *npu_doorbell_find(struct npu_device *ndev, struct drm_file *file,
					   struct vm_area_struct *vma)
{
	struct drm_vma_offset_node *node;
	struct npu_userq *user = NULL;

	drm_vma_offset_lock_lookup(&ndev->doorbell_offsets);
	node = drm_vma_offset_exact_lookup_locked(&ndev->doorbell_offsets, vma->vm_pgoff,
						  DRM_NPU_USERQ_PAGES);
	if (node && drm_vma_node_is_allowed(node, file)) {
		/* A queue takes its node away before it gives its handle's reference back. */
		user = container_of(node, struct npu_userq, node);
		npu_queue_get(user->queue);
	}
	drm_vma_offset_unlock_lookup(&ndev->doorbell_offsets);
	return user;
}

int npu_doorbell_mmap(struct file *filp, struct vm_area_struct *vma)
{
	struct drm_file *file = filp->private_data;
	struct npu_device *ndev = to_npu_device(file->minor->dev);
	struct npu_userq *user;

	if (vma->vm_pgoff < NPU_DOORBELL_PGOFF)
		return drm_gem_mmap(filp, vma);
	if (drm_dev_is_unplugged(&ndev->drm))
		return -ENODEV;
	if (vma_pages(vma) != DRM_NPU_USERQ_PAGES || !(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (vma->vm_flags & VM_EXEC)
		return -EPERM;
	user = npu_doorbell_find(ndev, file, vma);
	if (!user)
		return -EACCES;
	vm_flags_mod(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTCOPY | VM_DONTDUMP,
		     VM_MAYEXEC);
	vma->vm_private_data = user;
	vma->vm_ops = &npu_doorbell_vm_ops;
	return 0;
}
