# The build's two helpers, sl_library and sl_program, and what they share: warnings as errors, hidden symbols, and one
# include directory a library, so that a target sees the headers of what it links and no others.
include(GNUInstallDirs)
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

pkg_check_modules(ZMQ REQUIRED IMPORTED_TARGET libzmq)
# Debian's libzmq names the headers of all that it was built with, in words that CMake sorts otherwise when it configures again,
# so that everything would be built anew. zmq.h needs none of them.
set_target_properties(PkgConfig::ZMQ PROPERTIES INTERFACE_COMPILE_OPTIONS "" INTERFACE_INCLUDE_DIRECTORIES "${ZMQ_INCLUDEDIR}")
pkg_check_modules(HIREDIS REQUIRED IMPORTED_TARGET hiredis)
pkg_search_module(MSGPACK REQUIRED IMPORTED_TARGET msgpack-c msgpack)
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(SMARTCOLS REQUIRED IMPORTED_TARGET smartcols)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(ISAL REQUIRED IMPORTED_TARGET libisal)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(XML REQUIRED IMPORTED_TARGET libxml-2.0)

set(SLUICE_WARNINGS -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wformat=2 -Werror)

function(sl_compile_options target)
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:C>:${SLUICE_WARNINGS}> -fvisibility=hidden
    -fstack-protector-strong -fno-omit-frame-pointer)
  target_compile_definitions(${target} PRIVATE _GNU_SOURCE SLUICE_VERSION="${PROJECT_VERSION}")
  if(SLUICE_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=address,undefined -fno-sanitize-recover=undefined)
    target_link_options(${target} PRIVATE -fsanitize=address,undefined)
  else()
    target_compile_definitions(${target} PRIVATE $<$<COMPILE_LANGUAGE:C>:_FORTIFY_SOURCE=2>)
  endif()
endfunction()

# sl_library(NAME FOLDER SOURCES ... LINKS ... [EXTERNAL ...]): a static library whose headers are included as
# "FOLDER/x.h" by those who link it (and by nobody else).
function(sl_library name folder)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS;EXTERNAL" ${ARGN})
  set(include ${PROJECT_BINARY_DIR}/include/${name})
  file(MAKE_DIRECTORY ${include})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${include}/${folder} SYMBOLIC)
  add_library(${name} STATIC ${ARG_SOURCES})
  target_include_directories(${name} PUBLIC ${include})
  target_link_libraries(${name} PUBLIC ${ARG_LINKS} PRIVATE ${ARG_EXTERNAL})
  sl_compile_options(${name})
endfunction()

# sl_program(NAME SOURCES ... LINKS ... [EXTERNAL ...]): a program in bin/, installed.
function(sl_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS;EXTERNAL" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINKS} ${ARG_EXTERNAL})
  sl_compile_options(${name})
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()

# sl_plugin(NAME SOURCES ... [EXTERNAL ...]): a stage plugin in lib/sluice/plugins/, installed; it sees sluice/stage.h only.
function(sl_plugin name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS;EXTERNAL" ${ARGN})
  add_library(${name} MODULE ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY ${SLUICE_PLUGIN_OUTPUT})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/plugins/include)
  target_link_libraries(${name} PRIVATE ${ARG_LINKS} ${ARG_EXTERNAL})
  sl_compile_options(${name})
  install(TARGETS ${name} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/sluice/plugins)
endfunction()

# sl_test(NAME SOURCES ... LINKS ... [EXTERNAL ...]): a Criterion program, registered with CTest.
function(sl_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS;EXTERNAL" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  target_link_libraries(${name} PRIVATE ${ARG_LINKS} ${ARG_EXTERNAL} criterion)
  sl_compile_options(${name})
  target_compile_options(${name} PRIVATE -Wno-pedantic -Wno-conversion -Wno-shadow)
  add_test(NAME ${name} COMMAND ${name})
endfunction()
