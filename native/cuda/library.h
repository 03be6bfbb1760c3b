// What the CUDA library exports to the addon, and to the check and bench programs. The factory gives an Ops, so both sides
// must have been compiled from the same headers: `abi` is a hash of them (scripts/ops-hash.mjs), compared before anything else.
#pragma once
#include <cstddef>
#include <cstdint>

#include "../ops.h"

namespace pr1::cuda {

struct LibraryInfo {
  char device[256];    // name of the GPU
  char products[512];  // who computes large matrix products, and why
  double products_computed, products_refused;  // by it so far; refused ones went to our kernels
  char last_refusal[256];  // shape and reason
  char switched[64];       // what the environment switched off, or ""
  int major, minor, multiprocessors;
  double total_bytes;
};

struct MemoryUse {
  double used, most, held, free;  // bytes: of this Ops now, at its peak, taken from the device; free on the device
};

/// What the device can do at best: the measure of everything else.
struct Ceilings {
  double copy_bytes;     // a second, read and written, of a large copy on the device
  double own_flops;      // a second, of a large bfloat16 product by the kernels of gemm.h
  double cublas_flops;  // the same by cuBLASLt; 0 without it
};

}  // namespace pr1::cuda

extern "C" {
uint32_t pr1_cuda_abi();
/// numerics: "exact" or "fast". Null with a reason of one line where there is no driver, no GPU or too old a one.
pr1::Ops* pr1_cuda_make_ops(const char* numerics, char* why, size_t why_bytes);
void pr1_cuda_info(pr1::Ops* ops, pr1::cuda::LibraryInfo* info);
void pr1_cuda_memory(pr1::Ops* ops, pr1::cuda::MemoryUse* use);
/// Best of several rounds: copies of `bytes`, products of n x n x n, on random values.
void pr1_cuda_measure(pr1::Ops* ops, size_t bytes, int n, pr1::cuda::Ceilings* out);
/// Waits for all that was queued.
void pr1_cuda_synchronize(pr1::Ops* ops);
}
