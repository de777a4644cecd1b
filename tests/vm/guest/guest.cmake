# SPDX-License-Identifier: Apache-2.0
# The programs that run inside containers of the microVM tests. Static, so that they run in any root; sanitizers cannot be linked so.
if(NOT CZONE_SANITIZE)
    find_package(Threads REQUIRED)
    add_executable(tenant vm/guest/tenant.c)
    czone_defaults(tenant)
    target_link_libraries(tenant PRIVATE Threads::Threads)
    target_link_options(tenant PRIVATE -static)

    set(kinds devices files kernel memory mounts namespaces processes)
    list(TRANSFORM kinds REPLACE "(.+)" "vm/guest/attempts_on_\\1.c" OUTPUT_VARIABLE attempts)
    add_executable(escape vm/guest/escape.c ${attempts})
    czone_defaults(escape)
    target_link_options(escape PRIVATE -static)

    # For czoned, not for a container; it stands in malloc()'s way, as a sanitizer would.
    add_library(heap_count MODULE vm/guest/heap_count.c)
    czone_defaults(heap_count)
endif()
