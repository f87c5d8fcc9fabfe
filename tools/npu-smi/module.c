// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "module.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <libkmod.h>

#include "card.h"
#include "sysfs.h"

static void read_info(const struct kmod_module *kmod, struct module_state *module)
{
	struct kmod_list *info = NULL, *item;

	/* Fails for a module that is built in: then there is no file to ask. */
	if (kmod_module_get_info(kmod, &info) < 0)
		return;
	kmod_list_foreach(item, info)
	{
		if (!strcmp(kmod_module_info_get_key(item), "version"))
			snprintf(module->installed_version, sizeof(module->installed_version), "%s",
				 kmod_module_info_get_value(item));
	}
	kmod_module_info_free_list(info);
}

static void read_installed(const char *modules, struct module_state *module)
{
	struct kmod_ctx *context = kmod_new(modules, NULL);
	struct kmod_list *list = NULL, *item;

	if (!context)
		return;
	if (!kmod_module_new_from_lookup(context, CARD_DRIVER, &list)) {
		kmod_list_foreach(item, list)
		{
			struct kmod_module *kmod = kmod_module_get_module(item);

			if (kmod_module_get_path(kmod)) {
				module->installed = true;
				read_info(kmod, module);
			}
			kmod_module_unref(kmod);
		}
		kmod_module_unref_list(list);
	}
	kmod_unref(context);
}

void module_read(const struct smi_paths *paths, struct module_state *module)
{
	struct utsname uts;
	char path[256];

	memset(module, 0, sizeof(*module));
	if (!uname(&uts))
		snprintf(module->kernel, sizeof(module->kernel), "%s", uts.release);
	snprintf(path, sizeof(path), "%s/module/" CARD_DRIVER, paths->sysfs);
	module->loaded = !access(path, F_OK);
	sysfs_text(path, "version", module->loaded_version, sizeof(module->loaded_version));
	read_installed(paths->modules, module);
}
