# SPDX-License-Identifier: Apache-2.0
# Initial cache: cmake -C .cmake/gcc.cmake -S . -B build
set(CMAKE_C_COMPILER gcc CACHE STRING "")
set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "")
