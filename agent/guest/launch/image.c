/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch/image.h"

#include <endian.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "agent/guest/launch/mount.h"
#include "proto/cleanup.h"

static const struct file_system {
    const char *name;
    const char *option; /* of mount, or NULL */
    const char *missing;
    size_t offset; /* of its magic number, little-endian of 2 or 4 bytes */
    uint32_t magic;
    bool is_short, dax;
} systems[] = {
    [LAUNCH_IMAGE_EROFS] = { .name = "erofs",
                             .missing = "this kernel has no erofs: load the module erofs",
                             .offset = 1024,
                             .magic = 0xe0f5e1e2,
                             .dax = true },
    [LAUNCH_IMAGE_SQUASHFS] = { .name = "squashfs",
                                .missing = "this kernel has no squashfs: load the module squashfs",
                                .magic = 0x73717368 },
    [LAUNCH_IMAGE_EXT4] = { .name = "ext4",
                            .option = "noload",
                            .missing = "this kernel has no ext4: load the module ext4",
                            .offset = 1024 + 56,
                            .magic = 0xef53,
                            .is_short = true,
                            .dax = true },
};

enum launch_image_kind launch_image_detect(const unsigned char *head, size_t size)
{
    for (size_t i = LAUNCH_IMAGE_EROFS; i <= LAUNCH_IMAGE_EXT4; i++) {
        size_t width = systems[i].is_short ? sizeof(uint16_t) : sizeof(uint32_t);
        uint32_t magic = 0;

        if (systems[i].offset + width > size)
            continue;
        memcpy(&magic, head + systems[i].offset, width);
        if (le32toh(magic) == systems[i].magic)
            return (enum launch_image_kind)i;
    }
    return LAUNCH_IMAGE_UNKNOWN;
}

static int read_head(const char *link, enum launch_image_kind *ret)
{
    unsigned char head[LAUNCH_IMAGE_HEAD];
    CLEANUP_FD int device = open(link, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (device < 0)
        return -errno;
    n = pread(device, head, sizeof(head), 0);
    if (n < 0)
        return -errno;
    *ret = launch_image_detect(head, (size_t)n);
    return 0;
}

static bool offers_dax(int fd)
{
    char path[64], answer = '0';
    CLEANUP_FD int file = -EBADF;
    struct stat st;

    if (fstat(fd, &st) < 0)
        return false;
    (void)snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/queue/dax", major(st.st_rdev),
                   minor(st.st_rdev));
    file = open(path, O_RDONLY | O_CLOEXEC);
    return file >= 0 && read(file, &answer, 1) == 1 && answer == '1';
}

static int mount_as(const struct file_system *system, const char *link, bool dax)
{
    struct launch_mount_option options[5] = { { "source", link }, { "ro", NULL } };
    size_t n = 2;

    if (system->option)
        options[n++] = (struct launch_mount_option){ system->option, NULL };
    if (dax)
        options[n++] = (struct launch_mount_option){ "dax", "always" };
    return launch_mount_new(system->name, options, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
}

int launch_image_mount(int fd, const char **ret_why)
{
    enum launch_image_kind kind = LAUNCH_IMAGE_UNKNOWN;
    char link[64];
    int r;

    *ret_why = NULL;
    /* The device that was opened, whatever has its name by now. */
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    r = read_head(link, &kind);
    if (r < 0)
        return r;
    *ret_why = "the device holds neither an EROFS, a squashfs nor an ext4 image";
    if (kind == LAUNCH_IMAGE_UNKNOWN)
        return -EMEDIUMTYPE;
    r = -EINVAL;
    if (systems[kind].dax && offers_dax(fd))
        r = mount_as(&systems[kind], link, true);
    /* Not every image of a device that offers it can be used so (block sizes, compression). */
    if (r < 0)
        r = mount_as(&systems[kind], link, false);
    *ret_why = r == -ENODEV ? systems[kind].missing : "its image is damaged, or made for a newer kernel";
    return r;
}
