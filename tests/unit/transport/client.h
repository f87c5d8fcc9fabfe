/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright The npu authors */
/*
 * A vfio-user client and the card's server in one process and one thread: the
 * server never waits, so each step of it is a call.
 */
#ifndef TESTS_TRANSPORT_CLIENT_H
#define TESTS_TRANSPORT_CLIENT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <abi/npu_regs.h>

#include "vfio_proto.h"

#define CLIENT_MEMORY	(16u << 20)	/* device memory of the card */
#define CLIENT_SERIAL	0x1122334455667788ull

struct client {
	struct card *card;
	struct dma_map *dma;
	struct irq_set *irqs;
	struct pci_function *function;
	struct vfio_user *server;
	int fd;			/* the client's end; -1: not connected */
	uint16_t id;
	/* the last reply */
	struct vfio_user_header header;
	uint8_t data[1 << 21];
	size_t size;		/* of data */
	int reply_fd;		/* that came with it, or -1; closed by the next call */
};

struct client *client_create(void);
void client_destroy(struct client *c);
void client_connect(struct client *c);
void client_disconnect(struct client *c);
void client_negotiate(struct client *c);

/* Sends raw bytes with descriptors; false when the server has hung up. */
bool client_send(struct client *c, const void *data, size_t size, const int *fds,
		 unsigned int fd_count);
/* Lets the server work until it neither reads nor writes more. False: it has hung up. */
bool client_pump(struct client *c);
/* Reads one reply into the client; false if none is there. */
bool client_receive(struct client *c);

/* A command and its reply: 0, the errno of the reply, or -1 when the server hung up. */
int client_call(struct client *c, uint16_t command, const void *payload, size_t size,
		const int *fds, unsigned int fd_count);

int client_read(struct client *c, uint32_t region, uint64_t offset, void *data, uint32_t count);
int client_write(struct client *c, uint32_t region, uint64_t offset, const void *data,
		 uint32_t count);
uint32_t client_reg(struct client *c, uint32_t offset);
void client_set_reg(struct client *c, uint32_t offset, uint32_t value);
int client_map(struct client *c, uint64_t address, uint64_t size, int fd, uint64_t offset);
unsigned int open_files(void);

#endif /* TESTS_TRANSPORT_CLIENT_H */
