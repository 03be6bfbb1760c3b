#include "loader.h"

#if defined(__linux__)
#include <dlfcn.h>
#endif

#include <cstdio>

namespace pr1 {

#if defined(__linux__)

namespace {

template <class F>
F find(void* library, const char* name) {
  return reinterpret_cast<F>(dlsym(library, name));
}

std::string one_line(std::string text) {
  const size_t end = text.find('\n');
  return end == std::string::npos ? text : text.substr(0, end);
}

}  // namespace

bool load_cuda(const std::string& file, const std::string& numerics, CudaEngine& engine, std::string& why) {
  void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* error = dlerror();
    why = one_line(error ? error : file + " cannot be loaded");
    return false;
  }
  auto abi = find<decltype(&pr1_cuda_abi)>(library, "pr1_cuda_abi");
  auto make = find<decltype(&pr1_cuda_make_ops)>(library, "pr1_cuda_make_ops");
  engine.describe = find<decltype(&pr1_cuda_info)>(library, "pr1_cuda_info");
  engine.memory = find<decltype(&pr1_cuda_memory)>(library, "pr1_cuda_memory");
  if (!abi || !make || !engine.describe || !engine.memory) {
    why = file + " is not the CUDA library of parallel-r1";
    return false;
  }
  if (abi() != PR1_OPS_HASH) {
    why = file + " was built for another version of the addon; build it again with pr1-cuda";
    return false;
  }
  char reason[512] = "";
  engine.ops.reset(make(numerics.c_str(), reason, sizeof reason));
  if (!engine.ops) {
    why = one_line(reason);
    return false;
  }
  return true;
}

#else

bool load_cuda(const std::string&, const std::string&, CudaEngine&, std::string& why) {
  why = "CUDA is used on Linux only";
  return false;
}

#endif

}  // namespace pr1
