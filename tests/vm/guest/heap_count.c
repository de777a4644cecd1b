/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into czoned in a test's guest: counts what it has from malloc(), so that a leak of a few bytes
 * per container shows, which the resident size hides for long.
 *
 * The counts are in the file /run/heap, two 64-bit numbers: blocks in use and bytes in them. Other programs
 * are let be, and so are czoned's own children, which share its memory's contents but not its counts.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FILE_NAME "/run/heap"
#define PROGRAM   "czoned"

/* glibc's own, behind the names that are taken here. */
/* NOLINTBEGIN(bugprone-reserved-identifier) */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *block);
/* NOLINTEND(bugprone-reserved-identifier) */

struct counts {
    int64_t blocks, bytes;
};

/* What is taken before the file is there is counted here. */
static struct counts early;
static struct counts *counts = &early;
/* In a page that a child finds zeroed (MADV_WIPEONFORK); NULL: this process has not got to it yet. */
static const unsigned char *is_ours;

static void count(void *block, int sign)
{
    if (!block || (is_ours && !*is_ours))
        return;
    counts->blocks += sign;
    counts->bytes += sign * (int64_t)malloc_usable_size(block);
}

static void *counted(void *block)
{
    count(block, 1);
    return block;
}

__attribute__((constructor)) static void begin(void)
{
    unsigned char *page = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int fd;

    if (page == MAP_FAILED || madvise(page, 1, MADV_WIPEONFORK) < 0)
        abort();
    is_ours = page;
    if (strcmp(program_invocation_short_name, PROGRAM) != 0)
        return;
    fd = open(FILE_NAME, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || ftruncate(fd, sizeof(*counts)) < 0)
        abort();
    counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (counts == MAP_FAILED)
        abort();
    (void)close(fd);
    *counts = early;
    *page = 1;
}

void *malloc(size_t size)
{
    return counted(__libc_malloc(size));
}

void *calloc(size_t n, size_t size)
{
    return counted(__libc_calloc(n, size));
}

void *realloc(void *block, size_t size)
{
    void *moved;

    count(block, -1);
    moved = __libc_realloc(block, size);
    /* What could not grow is still there; of size 0 it was freed. */
    count(moved ? moved : size > 0 ? block : NULL, 1);
    return moved;
}

void *memalign(size_t alignment, size_t size)
{
    return counted(__libc_memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

int posix_memalign(void **ret, size_t alignment, size_t size)
{
    void *block = memalign(alignment, size);

    if (!block)
        return ENOMEM;
    *ret = block;
    return 0;
}

void free(void *block)
{
    count(block, -1);
    __libc_free(block);
}
