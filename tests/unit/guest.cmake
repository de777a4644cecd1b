# SPDX-License-Identifier: Apache-2.0
# czoned without a kernel that plugs memory: its nouns, and its service over socket pairs on a machine made of files.
if(TARGET czoned_objects)
    foreach(noun bundle burst cgroup_text container_state control exec_log exec_request grace history input keeper_link key_store log notify oci_config oci_types oom options program receipt removal restore run_dir
                 service signal_book spawn_request host id_range limits memory
                 cgroup_pool pool_size scratch scratch_tree)
        add_executable(test_guest_${noun} unit/test_guest_${noun}.c unit/guest_machine.c
                                          $<TARGET_OBJECTS:czoned_objects> $<TARGET_OBJECTS:czone_launch_objects>
                                          $<TARGET_OBJECTS:czone_seccomp_objects> $<TARGET_OBJECTS:czone_keeper_wire_objects>)
        czone_defaults(test_guest_${noun})
        target_include_directories(test_guest_${noun} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
        target_link_libraries(test_guest_${noun} PRIVATE czone_proto czone_static PkgConfig::EVENT PkgConfig::SECCOMP PkgConfig::LIBNL_ROUTE
                                                         PkgConfig::CHECK)
        add_test(NAME unit/guest/${noun} COMMAND test_guest_${noun})
    endforeach()
    # What tools generate is also the fuzzer's seed.
    foreach(noun oci_config oci_types)
        target_compile_definitions(test_guest_${noun} PRIVATE OCI_CORPUS="${CMAKE_CURRENT_SOURCE_DIR}/fuzz/corpus/oci_config")
    endforeach()
endif()
