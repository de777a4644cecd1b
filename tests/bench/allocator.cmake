# SPDX-License-Identifier: Apache-2.0
if(TARGET czone_core_objects)
    add_executable(bench_allocator ${CMAKE_CURRENT_LIST_DIR}/allocator.c)
    target_link_libraries(bench_allocator PRIVATE czone_core_objects)
    czone_defaults(bench_allocator)
endif()
