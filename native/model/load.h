// Weights straight from files into a model: read, checked and packed piece by piece, on all threads.
#pragma once
#include <atomic>
#include <functional>

#include "parameters.h"

namespace pr1 {

/// A tensor in a file: f32, f16 or bf16 numbers, row-major.
struct StoredTensor {
  size_t parameter;
  int file;         // descriptor
  uint64_t offset;  // bytes
  BlockType type;
  bool checked;              // whether it has a checksum:
  uint32_t start, checksum;  // the CRC-32 before its first byte, and after its last
};

/// Fills the parameters. Returns the index of a tensor that cannot be read, has not the bytes of its checksum or a number that is not
/// finite, −1 where there is none. `between` is called before each piece, by any thread; false stops.
int load_tensors(Parameters& parameters, Ops& ops, const std::vector<StoredTensor>& tensors, const std::function<bool()>& between);

}  // namespace pr1
