# SPDX-License-Identifier: Apache-2.0
# Initial cache: AddressSanitizer and UndefinedBehaviorSanitizer, every finding fatal.
set(CMAKE_C_COMPILER gcc CACHE STRING "")
set(CMAKE_BUILD_TYPE Debug CACHE STRING "")
set(CZONE_SANITIZE "address,undefined" CACHE STRING "")
