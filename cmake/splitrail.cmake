# One INTERFACE target carries the flags; one line per module elsewhere.
include(CheckCCompilerFlag)
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(ZMQ REQUIRED IMPORTED_TARGET libzmq)
pkg_check_modules(EVENT REQUIRED IMPORTED_TARGET libevent)
pkg_check_modules(PROTOBUF_C REQUIRED IMPORTED_TARGET libprotobuf-c)
pkg_check_modules(CRYPTO REQUIRED IMPORTED_TARGET libcrypto)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp)
pkg_check_modules(SSL REQUIRED IMPORTED_TARGET libssl libcrypto)
if(BUILD_TESTING)
    pkg_check_modules(CHECK REQUIRED IMPORTED_TARGET check)
endif()

add_library(splitrail_flags INTERFACE)
target_compile_features(splitrail_flags INTERFACE c_std_11)
target_compile_definitions(splitrail_flags INTERFACE _GNU_SOURCE
    SPLITRAIL_VERSION="${PROJECT_VERSION}")
target_include_directories(splitrail_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(splitrail_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wvla -Wswitch-enum
    -Wformat=2 -Wmissing-prototypes -Wno-gnu-zero-variadic-macro-arguments
    -fno-omit-frame-pointer -fstack-protector-strong -fPIE -UNDEBUG)
target_link_options(splitrail_flags INTERFACE -pie -Wl,-z,relro,-z,now,-z,noexecstack)
# Where the compiler has it for this machine: a stack that cannot jump over its guard page, and jumps
# that land only where they may (CET).
foreach(hardening -fstack-clash-protection -fcf-protection=full)
    string(MAKE_C_IDENTIFIER "SPLITRAIL_HAS${hardening}" has)
    check_c_compiler_flag(${hardening} ${has})
    if(${has})
        target_compile_options(splitrail_flags INTERFACE ${hardening})
    endif()
endforeach()
if(SPLITRAIL_WERROR)
    target_compile_options(splitrail_flags INTERFACE -Werror)
endif()
if(SPLITRAIL_SANITIZE)
    target_compile_options(splitrail_flags INTERFACE -fsanitize=${SPLITRAIL_SANITIZE} -fno-sanitize-recover=all)
    target_link_options(splitrail_flags INTERFACE -fsanitize=${SPLITRAIL_SANITIZE})
endif()
if(SPLITRAIL_FUZZ)
    target_compile_options(splitrail_flags INTERFACE -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all)
    target_link_options(splitrail_flags INTERFACE -fsanitize=address,undefined)
endif()

# How many times longer a test may take: the thread sanitizer needs several times the processor.
# (What the tests of tests/e2e judge by is bearable() in its cluster.py.)
set(SPLITRAIL_TEST_SLOWNESS 1)
if(SPLITRAIL_SANITIZE MATCHES thread)
    set(SPLITRAIL_TEST_SLOWNESS 4)
endif()

# test_timeout(VAR SECONDS): what a test that needs so long by itself may take in this build
function(test_timeout var seconds)
    math(EXPR timeout "${seconds} * ${SPLITRAIL_TEST_SLOWNESS}")
    set(${var} ${timeout} PARENT_SCOPE)
endfunction()

# splitrail_lib(NAME SOURCES … [LINK …])
function(splitrail_lib name)
    cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
    add_library(${name} STATIC ${ARG_SOURCES})
    target_link_libraries(${name} PUBLIC splitrail_flags ${ARG_LINK})
endfunction()

# splitrail_program(NAME SOURCES … [LINK …])
function(splitrail_program name)
    cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
    add_executable(${name} ${ARG_SOURCES})
    target_link_libraries(${name} PRIVATE splitrail_flags ${ARG_LINK})
endfunction()

# unit_test(STEM LINK …): tests/unit/test_STEM.c, a ctest "unit.STEM"
function(unit_test stem)
    cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
    add_executable(test_${stem} test_${stem}.c)
    target_link_libraries(test_${stem} PRIVATE splitrail_flags test_support ${ARG_LINK})
    add_test(NAME unit.${stem} COMMAND test_${stem})
    test_timeout(timeout 240)
    set_tests_properties(unit.${stem} PROPERTIES LABELS unit TIMEOUT ${timeout} ENVIRONMENT
        "CK_DEFAULT_TIMEOUT=120;CK_TIMEOUT_MULTIPLIER=${SPLITRAIL_TEST_SLOWNESS}") # a slow machine is no failure
endfunction()

# fuzz_target(STEM LINK …): tests/fuzz/fuzz_STEM.c with corpus/STEM, a time-boxed ctest "fuzz.STEM".
# Without the fuzz preset the same file becomes a replay program over its corpus, so that every
# build keeps it compiling and every known input passing.
function(fuzz_target stem)
    cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
    set(corpus ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${stem})
    add_executable(fuzz_${stem} fuzz_${stem}.c)
    target_link_libraries(fuzz_${stem} PRIVATE splitrail_flags ${ARG_LINK})
    if(SPLITRAIL_FUZZ)
        target_link_options(fuzz_${stem} PRIVATE -fsanitize=fuzzer)
        file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/corpus/${stem})
        add_test(NAME fuzz.${stem} COMMAND fuzz_${stem} -max_total_time=10 -timeout=5 -rss_limit_mb=2048
            ${CMAKE_BINARY_DIR}/corpus/${stem} ${corpus})
    else()
        target_sources(fuzz_${stem} PRIVATE replay_main.c)
        add_test(NAME fuzz.${stem} COMMAND fuzz_${stem} ${corpus})
    endif()
    set_tests_properties(fuzz.${stem} PROPERTIES LABELS fuzz TIMEOUT 120)
endfunction()
