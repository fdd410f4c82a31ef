# Each shaders/NAME.comp becomes SPIR-V modules: glslang compiles, spirv-opt shortens, spirv-val checks, and
# embed_spirv.c writes them all into one C file. Nothing generated is committed.
find_program(MXD_GLSLANG NAMES glslangValidator glslang REQUIRED)
find_program(MXD_SPIRV_OPT spirv-opt REQUIRED)
find_program(MXD_SPIRV_VAL spirv-val REQUIRED)

add_executable(mxd_embed_spirv cmake/embed_spirv.c)
target_link_libraries(mxd_embed_spirv PRIVATE mxd_common)

# Into shaders/ for the library, and into poisoned/ with MXD_POISON_SHARED (shaders/types.h) for test_vulkan_poisoned.
set(MXD_SPIRV_SETS shaders poisoned)
set(MXD_SPIRV_FLAGS_shaders)
set(MXD_SPIRV_FLAGS_poisoned -DMXD_POISON_SHARED)
foreach(set ${MXD_SPIRV_SETS})
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/${set})
  set(MXD_SPIRV_${set})       # module.spv files
  set(MXD_SPIRV_NAMES_${set}) # module=file, as embed_spirv takes them
endforeach()

# mxd_shader(MODULE SOURCE [-DNAME=VALUE...])
function(mxd_shader module source)
  foreach(set ${MXD_SPIRV_SETS})
    set(raw ${CMAKE_BINARY_DIR}/${set}/${module}.raw.spv)
    set(optimised ${CMAKE_BINARY_DIR}/${set}/${module}.spv)
    add_custom_command(OUTPUT ${raw}
      COMMAND ${MXD_GLSLANG} --quiet --target-env vulkan1.2 -I${CMAKE_SOURCE_DIR}/shaders ${MXD_SPIRV_FLAGS_${set}}
        ${ARGN} --depfile ${raw}.d -o ${raw} ${CMAKE_SOURCE_DIR}/shaders/${source}
      DEPENDS ${CMAKE_SOURCE_DIR}/shaders/${source}
      DEPFILE ${raw}.d
      COMMENT "Compiling kernel ${set}/${module}" VERBATIM)
    add_custom_command(OUTPUT ${optimised}
      COMMAND ${MXD_SPIRV_OPT} --target-env=vulkan1.2 -O ${raw} -o ${optimised}
      COMMAND ${MXD_SPIRV_VAL} --target-env vulkan1.2 ${optimised}
      DEPENDS ${raw} VERBATIM)
    set(MXD_SPIRV_${set} ${MXD_SPIRV_${set}} ${optimised} PARENT_SCOPE)
    set(MXD_SPIRV_NAMES_${set} ${MXD_SPIRV_NAMES_${set}} ${module}=${optimised} PARENT_SCOPE)
  endforeach()
endfunction()

mxd_shader(eq eq.comp)
mxd_shader(eq_subgroups eq.comp -DEQ_SUBGROUPS)
mxd_shader(mix mix.comp)
mxd_shader(unpack unpack.comp)
mxd_shader(shift shift.comp)
mxd_shader(saturate saturate.comp)
mxd_shader(dynamics dynamics.comp)
mxd_shader(filter filter.comp)
mxd_shader(delay delay.comp)
mxd_shader(modulate modulate.comp)
mxd_shader(phaser phaser.comp)
mxd_shader(reverb reverb.comp)
# One module for each length of partition (2^8 to 2^13 samples): loops over registers need constant bounds. The longer
# ones (once more) with half the shared memory (shaders/convolve.h).
foreach(direction FORWARD INVERSE)
  string(TOLOWER ${direction} name)
  foreach(log2_size RANGE 8 12)
    mxd_shader(convolve_${name}_${log2_size} convolve.comp -DCONVOLVE_${direction} -DCONVOLVE_LOG2_SIZE=${log2_size})
  endforeach()
  foreach(log2_size RANGE 12 13)
    mxd_shader(convolve_${name}_split_${log2_size} convolve.comp -DCONVOLVE_${direction}
      -DCONVOLVE_LOG2_SIZE=${log2_size} -DCONVOLVE_SPLIT)
  endforeach()
endforeach()
mxd_shader(convolve_multiply convolve.comp -DCONVOLVE_MULTIPLY)

foreach(set ${MXD_SPIRV_SETS})
  add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/${set}/modules.c
    COMMAND mxd_embed_spirv ${CMAKE_BINARY_DIR}/${set}/modules.c ${MXD_SPIRV_NAMES_${set}}
    DEPENDS mxd_embed_spirv ${MXD_SPIRV_${set}} VERBATIM)
endforeach()
set(MXD_SHADER_SOURCES ${CMAKE_BINARY_DIR}/shaders/modules.c)
# Linked in front of the library, these modules take the place of its own.
add_library(mxd_poisoned_shaders OBJECT EXCLUDE_FROM_ALL ${CMAKE_BINARY_DIR}/poisoned/modules.c)
target_link_libraries(mxd_poisoned_shaders PRIVATE mxd_common Vulkan::Vulkan)
