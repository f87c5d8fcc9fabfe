/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright The npu authors */
/*
 * vfio-user server: lets a VMM use the card's PCIe function over a socket.
 * One client at a time; when it leaves, the card loses power and waits for
 * the next one. Used by one thread, which never waits here: a client that
 * stops in the middle of a message, or does not read its replies, holds up
 * nobody but itself.
 */
#ifndef SIM_VFIO_USER_H
#define SIM_VFIO_USER_H

#include <stdbool.h>

struct dma_map;
struct irq_set;
struct pci_function;
struct vfio_user;

struct vfio_user *vfio_user_create(struct pci_function *function, struct dma_map *dma,
				   struct irq_set *irqs);
void vfio_user_destroy(struct vfio_user *server);

/* Takes over a connected socket; -EBUSY (fd closed) while there is a client. */
int vfio_user_attach(struct vfio_user *server, int fd);
/* The client's socket, to poll for vfio_user_events(); -1 without a client. */
int vfio_user_fd(const struct vfio_user *server);
short vfio_user_events(const struct vfio_user *server);
/* Serves what has come, one message at most. False: the client has left or
 * broke the framing.
 */
bool vfio_user_serve(struct vfio_user *server);

#endif /* SIM_VFIO_USER_H */
