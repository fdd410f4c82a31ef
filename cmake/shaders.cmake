# Each shaders/NAME.comp becomes SPIR-V modules: glslang compiles, spirv-opt shortens, spirv-val checks, and
# embed_spirv.c writes them all into one C file. Nothing generated is committed.
find_program(MXD_GLSLANG NAMES glslangValidator glslang REQUIRED)
find_program(MXD_SPIRV_OPT spirv-opt REQUIRED)
find_program(MXD_SPIRV_VAL spirv-val REQUIRED)

add_executable(mxd_embed_spirv cmake/embed_spirv.c)
target_link_libraries(mxd_embed_spirv PRIVATE mxd_common)

set(MXD_SPIRV_DIR ${CMAKE_BINARY_DIR}/shaders)
file(MAKE_DIRECTORY ${MXD_SPIRV_DIR})
set(MXD_SPIRV)       # module.spv files
set(MXD_SPIRV_NAMES) # module=file, as embed_spirv takes them

# mxd_shader(MODULE SOURCE [-DNAME=VALUE...])
function(mxd_shader module source)
  set(raw ${MXD_SPIRV_DIR}/${module}.raw.spv)
  set(optimised ${MXD_SPIRV_DIR}/${module}.spv)
  add_custom_command(OUTPUT ${raw}
    COMMAND ${MXD_GLSLANG} --quiet --target-env vulkan1.2 -I${CMAKE_SOURCE_DIR}/shaders ${ARGN}
      --depfile ${raw}.d -o ${raw} ${CMAKE_SOURCE_DIR}/shaders/${source}
    DEPENDS ${CMAKE_SOURCE_DIR}/shaders/${source}
    DEPFILE ${raw}.d
    COMMENT "Compiling kernel ${module}" VERBATIM)
  add_custom_command(OUTPUT ${optimised}
    COMMAND ${MXD_SPIRV_OPT} --target-env=vulkan1.2 -O ${raw} -o ${optimised}
    COMMAND ${MXD_SPIRV_VAL} --target-env vulkan1.2 ${optimised}
    DEPENDS ${raw} VERBATIM)
  set(MXD_SPIRV ${MXD_SPIRV} ${optimised} PARENT_SCOPE)
  set(MXD_SPIRV_NAMES ${MXD_SPIRV_NAMES} ${module}=${optimised} PARENT_SCOPE)
endfunction()

mxd_shader(eq eq.comp)
mxd_shader(mix mix.comp)
# One module for each length of partition (2^8 to 2^12 samples): loops over registers need constant bounds.
foreach(log2_size RANGE 8 12)
  mxd_shader(convolve_forward_${log2_size} convolve.comp -DCONVOLVE_FORWARD -DCONVOLVE_LOG2_SIZE=${log2_size})
  mxd_shader(convolve_inverse_${log2_size} convolve.comp -DCONVOLVE_INVERSE -DCONVOLVE_LOG2_SIZE=${log2_size})
endforeach()
mxd_shader(convolve_multiply convolve.comp -DCONVOLVE_MULTIPLY)

add_custom_command(OUTPUT ${MXD_SPIRV_DIR}/modules.c
  COMMAND mxd_embed_spirv ${MXD_SPIRV_DIR}/modules.c ${MXD_SPIRV_NAMES}
  DEPENDS mxd_embed_spirv ${MXD_SPIRV} VERBATIM)
set(MXD_SHADER_SOURCES ${MXD_SPIRV_DIR}/modules.c)
