# Writes HEADER with the commit of the working tree SOURCE: cmake -DSOURCE=... -DHEADER=... -P commit.cmake
execute_process(COMMAND git -C ${SOURCE} describe --always --dirty OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE
  ERROR_QUIET)
if(NOT commit)
  set(commit unknown)
endif()
# Leaves a file alone that holds this already.
file(CONFIGURE OUTPUT ${HEADER} CONTENT "#define MXD_COMMIT \"${commit}\"\n")
