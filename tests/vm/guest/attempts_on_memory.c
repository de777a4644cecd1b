/* SPDX-License-Identifier: Apache-2.0 */
/* Memory policies, which would lead out of the zone, and the memory of others. */
#include "attempt.h"

#include <errno.h>
#include <linux/mempolicy.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* Newer than the headers of Debian 12. */
#define NR_SET_MEMPOLICY_HOME_NODE 450

#define NODES 1024
#define PAGE  4096

/* The home node, which every guest has. */
static const unsigned long home[NODES / (8 * sizeof(unsigned long))] = { 1 };

static void *page_of_ours(void)
{
    void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED)
        attempt_unclear("no memory");
    memset(page, 1, PAGE);
    return page;
}

static int set_mempolicy(const char *argument)
{
    (void)argument;
    return attempt_result(syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0));
}

static int set_mempolicy_home(const char *argument)
{
    (void)argument;
    return attempt_result(syscall(SYS_set_mempolicy, MPOL_BIND, home, NODES));
}

static int mbind(const char *argument)
{
    (void)argument;
    return attempt_result(syscall(SYS_mbind, page_of_ours(), PAGE, MPOL_BIND, home, NODES, 0));
}

static int migrate_pages(const char *argument)
{
    (void)argument;
    return attempt_result(syscall(SYS_migrate_pages, 0, NODES, home, home));
}

static int move_pages(const char *argument)
{
    void *page = page_of_ours();
    int node = 0, status;

    (void)argument;
    return attempt_result(syscall(SYS_move_pages, 0, 1, &page, &node, &status, 0));
}

static int set_home_node(const char *argument)
{
    void *page = page_of_ours();

    (void)argument;
    /* The call works only on memory that has a policy. */
    (void)syscall(SYS_mbind, page, PAGE, MPOL_BIND, home, NODES, 0);
    return attempt_result(syscall(NR_SET_MEMPOLICY_HOME_NODE, page, PAGE, 0, 0));
}

/* An address nobody has: EFAULT means that the kernel would have read it. */
static int vm_read(const char *argument)
{
    char byte;
    struct iovec local = { &byte, 1 }, remote = { (void *)PAGE, 1 };
    int r = attempt_result(process_vm_readv((pid_t)attempt_number(argument), &local, 1, &remote, 1, 0));

    return r == -EFAULT ? 0 : r;
}

static int shm_attach(const char *argument)
{
    int id = shmget((key_t)attempt_number(argument), 0, 0);

    if (id < 0)
        return -errno;
    return shmat(id, NULL, SHM_RDONLY) == (void *)-1 ? -errno : 0; /* NOLINT(performance-no-int-to-ptr) */
}

/* Not attempts: what shm-attach looks for. */
static int shm_make(const char *argument)
{
    return attempt_result(shmget((key_t)attempt_number(argument), PAGE, IPC_CREAT | IPC_EXCL | 0600));
}

static int shm_remove(const char *argument)
{
    int id = shmget((key_t)attempt_number(argument), 0, 0);

    return id < 0 ? -errno : attempt_result(shmctl(id, IPC_RMID, NULL));
}

const struct attempt attempts_on_memory[] = {
    { "set-mempolicy", set_mempolicy },
    { "set-mempolicy-home", set_mempolicy_home },
    { "mbind", mbind },
    { "migrate-pages", migrate_pages },
    { "move-pages", move_pages },
    { "set-home-node", set_home_node },
    { "vm-read", vm_read },
    { "shm-attach", shm_attach },
    { "shm-make", shm_make },
    { "shm-remove", shm_remove },
    { NULL, NULL },
};
