// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* The module, its DRM driver, and the way into the ioctls. */
#include <linux/compat.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/uaccess.h>

#include <drm/drm_accel.h>
#include <drm/drm_drv.h>
#include <drm/drm_gem.h>
#include <drm/drm_ioctl.h>
#include <drm/npu_accel.h>

#include "npu_bind.h"
#include "npu_bo.h"
#include "npu_boot.h"
#include "npu_device.h"
#include "npu_doorbell.h"
#include "npu_drv.h"
#include "npu_job.h"
#include "npu_pci.h"
#include "npu_prime.h"
#include "npu_query.h"
#include "npu_queue.h"
#include "npu_queue_property.h"
#include "npu_stream.h"
#include "npu_userq_sync.h"
#include "npu_vm.h"

struct workqueue_struct *npu_cleanup_wq;

int npu_enter(struct drm_device *drm, struct drm_file *file, struct npu_section *section)
{
	const struct npu_file *nfile = file->driver_priv;
	struct npu_device *ndev = to_npu_device(drm);

	if (!drm_dev_enter(drm, &section->unplug_idx))
		return -ENODEV;
	section->reset_idx = srcu_read_lock(&ndev->ioctl_srcu);
	if (npu_is_live(ndev) && nfile->generation == atomic_read(&ndev->generation))
		return 0;
	npu_exit(drm, section);
	return -ENODEV;
}

void npu_exit(struct drm_device *drm, const struct npu_section *section)
{
	srcu_read_unlock(&to_npu_device(drm)->ioctl_srcu, section->reset_idx);
	drm_dev_exit(section->unplug_idx);
}

/* An ioctl that touches no memory of the process by itself. */
#define NPU_IOCTL(name)									\
static int name##_guarded(struct drm_device *drm, void *data, struct drm_file *file)	\
{											\
	struct npu_section section;							\
	int ret = npu_enter(drm, file, &section);					\
											\
	if (ret)									\
		return ret;								\
	ret = name(drm, data, file);							\
	npu_exit(drm, &section);							\
	return ret;									\
}

NPU_IOCTL(npu_bo_create_ioctl)
NPU_IOCTL(npu_bo_info_ioctl)
NPU_IOCTL(npu_vm_create_ioctl)
NPU_IOCTL(npu_vm_destroy_ioctl)
NPU_IOCTL(npu_queue_create_ioctl)
NPU_IOCTL(npu_queue_destroy_ioctl)
NPU_IOCTL(npu_queue_set_property_ioctl)
NPU_IOCTL(npu_stream_open_ioctl)

/*
 * DEV_QUERY, VM_BIND and EXEC enter by themselves, round what they do with the
 * process's memory; the states of VMs and queues can be read after a loss.
 */
static const struct drm_ioctl_desc npu_ioctls[] = {
	DRM_IOCTL_DEF_DRV(NPU_DEV_QUERY, npu_dev_query_ioctl, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(NPU_BO_CREATE, npu_bo_create_ioctl_guarded, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(NPU_BO_INFO, npu_bo_info_ioctl_guarded, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(NPU_VM_CREATE, npu_vm_create_ioctl_guarded, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(NPU_VM_DESTROY, npu_vm_destroy_ioctl_guarded, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(NPU_VM_BIND, npu_vm_bind_ioctl, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(NPU_VM_GET_STATE, npu_vm_get_state_ioctl, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(NPU_QUEUE_CREATE, npu_queue_create_ioctl_guarded, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(NPU_QUEUE_DESTROY, npu_queue_destroy_ioctl_guarded, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(NPU_QUEUE_GET_STATE, npu_queue_get_state_ioctl,
			  DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(NPU_EXEC, npu_exec_ioctl, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(NPU_USERQ_SIGNAL, npu_userq_signal_ioctl, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(NPU_USERQ_WAIT, npu_userq_wait_ioctl, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(NPU_WAIT_USER_FENCE, npu_wait_user_fence_ioctl,
			  DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(NPU_QUEUE_SET_PROPERTY, npu_queue_set_property_ioctl_guarded,
			  DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(NPU_STREAM_OPEN, npu_stream_open_ioctl_guarded, DRM_RENDER_ALLOW),
};

/*
 * The DRM core fills a shorter argument up with zeros, and ignores what a
 * longer one has beyond ours: a newer caller's wish would be granted unheard.
 * 1: all of that is zero, or it is no ioctl of ours.
 */
static int npu_ioctl_tail_is_zero(unsigned int cmd, unsigned long arg)
{
	unsigned int nr = _IOC_NR(cmd) - DRM_COMMAND_BASE;
	size_t known;

	if (_IOC_TYPE(cmd) != DRM_IOCTL_BASE || !(_IOC_DIR(cmd) & _IOC_WRITE) ||
	    nr >= ARRAY_SIZE(npu_ioctls))
		return 1;
	nr = array_index_nospec(nr, ARRAY_SIZE(npu_ioctls));
	/* A number that was left out. */
	if (!npu_ioctls[nr].func)
		return 1;
	known = _IOC_SIZE(npu_ioctls[nr].cmd);
	if (_IOC_SIZE(cmd) <= known)
		return 1;
	return check_zeroed_user((char __user *)arg + known, _IOC_SIZE(cmd) - known);
}

static long npu_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	int ret = npu_ioctl_tail_is_zero(cmd, arg);

	if (ret != 1)
		return ret ?: -E2BIG;
	return drm_ioctl(file, cmd, arg);
}

#ifdef CONFIG_COMPAT
static long npu_compat_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	/* Layouts are the same for 32 bits: only the DRM core's own differ. */
	int ret = npu_ioctl_tail_is_zero(cmd, (unsigned long)compat_ptr(arg));

	if (ret != 1)
		return ret ?: -E2BIG;
	return drm_compat_ioctl(file, cmd, arg);
}
#else
#define npu_compat_ioctl NULL
#endif

/* DRM_ACCEL_FOPS, but for the ioctls and mmap. */
static const struct file_operations npu_fops = {
	.owner = THIS_MODULE,
	.open = accel_open,
	.release = drm_release,
	.unlocked_ioctl = npu_ioctl,
	.compat_ioctl = npu_compat_ioctl,
	.poll = drm_poll,
	.read = drm_read,
	.llseek = noop_llseek,
	.mmap = npu_doorbell_mmap,
	.fop_flags = FOP_UNSIGNED_OFFSET,
	.show_fdinfo = drm_show_fdinfo,
};

const struct drm_driver npu_drm_driver = {
	.driver_features = DRIVER_COMPUTE_ACCEL | DRIVER_GEM | NPU_COMPAT_DRIVER_GEM_GPUVA |
			   DRIVER_SYNCOBJ | DRIVER_SYNCOBJ_TIMELINE,
	.open = npu_file_open,
	.postclose = npu_file_postclose,
	.show_fdinfo = npu_file_show_fdinfo,
	.gem_prime_import = npu_prime_import,
	.ioctls = npu_ioctls,
	.num_ioctls = ARRAY_SIZE(npu_ioctls),
	.fops = &npu_fops,
	.name = "npu",
	.desc = "PCIe inference accelerator",
#ifdef NPU_HAVE_DRIVER_DATE
	.date = "0",
#endif
	.major = NPU_DRIVER_MAJOR,
	.minor = NPU_DRIVER_MINOR,
};

static int __init npu_module_init(void)
{
	int ret;

	npu_cleanup_wq = alloc_workqueue("npu-cleanup", WQ_UNBOUND, 0);
	if (!npu_cleanup_wq)
		return -ENOMEM;
	ret = pci_register_driver(&npu_pci_driver);
	if (ret)
		destroy_workqueue(npu_cleanup_wq);
	return ret;
}

static void __exit npu_module_exit(void)
{
	pci_unregister_driver(&npu_pci_driver);
	/*
	 * Nobody has a fence of ours any more, or the module would be in use;
	 * the last ones may still be on their way: through RCU, where they let
	 * go of their queues, and those through the work queue.
	 */
	rcu_barrier();
	destroy_workqueue(npu_cleanup_wq);
	rcu_barrier();
}

module_init(npu_module_init);
module_exit(npu_module_exit);

MODULE_DESCRIPTION("Driver for npu PCIe inference accelerators");
MODULE_AUTHOR("The npu authors");
MODULE_LICENSE("Dual MIT/GPL");
MODULE_VERSION(NPU_VERSION);
MODULE_FIRMWARE(NPU_FIRMWARE_NAME);
