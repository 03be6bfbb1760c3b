// Finds the CUDA ops in the library that scripts/build-cuda.mjs makes. Part of the addon, compiled without CUDA.
#pragma once
#include <memory>
#include <string>

#include "library.h"

namespace pr1 {

/// The library, loaded once and never unloaded (its kernels may be queued), and the Ops it made.
struct CudaEngine {
  std::unique_ptr<Ops> ops;
  void (*describe)(Ops*, cuda::LibraryInfo*) = nullptr;
  void (*memory)(Ops*, cuda::MemoryUse*) = nullptr;
};

/// False with one line of reason where the library, the driver or a GPU is missing.
bool load_cuda(const std::string& file, const std::string& numerics, CudaEngine& engine, std::string& why);

}  // namespace pr1
