// What was computed, in 16 digits: the same on every machine and instruction set that rounds alike (docs/numerics.md).
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

/// FNV-1a over the bytes.
class Digest {
 public:
  template <class T>
  Digest& add(const std::vector<T>& values) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(values.data());
    for (size_t i = 0; i < values.size() * sizeof(T); i++) hash_ = (hash_ ^ bytes[i]) * 0x100000001b3u;
    return *this;
  }
  std::string text() const {
    char out[17];
    std::snprintf(out, sizeof out, "%016llx", static_cast<unsigned long long>(hash_));
    return out;
  }

 private:
  uint64_t hash_ = 0xcbf29ce484222325u;
};
