# SPDX-License-Identifier: Apache-2.0
# As proto.cmake, for what czoned reads that is no message.
if(TARGET czoned_objects)
    foreach(target oci_config)
        add_executable(fuzz_${target} fuzz/fuzz_${target}.c $<TARGET_OBJECTS:czoned_objects> $<TARGET_OBJECTS:czone_launch_objects>
                                      $<TARGET_OBJECTS:czone_seccomp_objects> $<TARGET_OBJECTS:czone_keeper_wire_objects>)
        czone_defaults(fuzz_${target})
        target_include_directories(fuzz_${target} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
        target_link_libraries(fuzz_${target} PRIVATE czone_proto czone_static PkgConfig::EVENT PkgConfig::SECCOMP PkgConfig::LIBNL_ROUTE)
        set(corpus ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/corpus/${target})
        if(CZONE_FUZZ_ENGINE)
            target_link_options(fuzz_${target} PRIVATE -fsanitize=fuzzer)
            add_test(NAME fuzz/${target} COMMAND fuzz_${target} -runs=0 ${corpus})
        else()
            target_sources(fuzz_${target} PRIVATE fuzz/driver.c)
            add_test(NAME fuzz/${target} COMMAND fuzz_${target} ${corpus})
        endif()
    endforeach()
endif()
