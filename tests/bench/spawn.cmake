# SPDX-License-Identifier: Apache-2.0
# Static, so that what is copied by fork() is small. A sanitizer's runtime can't be linked so, and these programs are measured, not tested.
find_library(CZONE_JANSSON_ARCHIVE libjansson.a)
if(CZONE_JANSSON_ARCHIVE AND NOT CZONE_SANITIZE)
    add_executable(stamp bench/guest/stamp.c)
    add_executable(spawnbench bench/guest/spawnbench.c bench/guest/launch_czoned.c bench/guest/launch_process.c
                   ${PROJECT_SOURCE_DIR}/proto/base64.c)
    target_include_directories(spawnbench PRIVATE ${PROJECT_SOURCE_DIR})
    target_link_libraries(spawnbench PRIVATE ${CZONE_JANSSON_ARCHIVE})
    foreach(program stamp spawnbench)
        czone_defaults(${program})
        target_link_options(${program} PRIVATE -static)
    endforeach()
endif()
