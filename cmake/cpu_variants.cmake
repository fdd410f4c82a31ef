# host/cpu/*.c compiled once for each variant: MXD_VARIANT names its symbols, MXD_REAL_BITS its precision.
file(GLOB MXD_CPU_SOURCES CONFIGURE_DEPENDS host/cpu/*.c)
set(MXD_CPU_OBJECTS)

function(mxd_cpu_variant name bits)
  add_library(mxd_cpu_${name} OBJECT ${MXD_CPU_SOURCES})
  target_link_libraries(mxd_cpu_${name} PRIVATE mxd_common)
  target_compile_definitions(mxd_cpu_${name} PRIVATE MXD_VARIANT=${name} MXD_REAL_BITS=${bits})
  target_compile_options(mxd_cpu_${name} PRIVATE -fPIC ${ARGN})
  set(MXD_CPU_OBJECTS ${MXD_CPU_OBJECTS} $<TARGET_OBJECTS:mxd_cpu_${name}> PARENT_SCOPE)
endfunction()

mxd_cpu_variant(reference 64)
mxd_cpu_variant(baseline 32)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|amd64|AMD64")
  # Fused multiply-add where the processor has it: one rounding instead of two, never less exact. clang's "on" fuses
  # within an expression only: its "fast" fuses one inlined copy of a loop differently from another, and then bits
  # depend on the number of threads.
  set(fuse -ffp-contract=$<IF:$<C_COMPILER_ID:Clang>,on,fast>)
  mxd_cpu_variant(avx2 32 -march=x86-64-v3 ${fuse})
  mxd_cpu_variant(avx512 32 -march=x86-64-v4 -mprefer-vector-width=512 ${fuse})
endif()
