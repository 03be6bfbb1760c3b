// Small host arrays on their way to the device: one pinned buffer and one device buffer of the same layout, filled from
// front to back. Copies and kernels run in one stream, so a place of the device buffer may be written anew at once; a place
// of the pinned buffer only after the stream has passed it, hence a wait when the buffer is full. Plain host code; see
// Uploads in ops.cu for the copies.
#pragma once
#include <cstddef>
#include <functional>
#include <map>

namespace pr1::cuda {

/// Offsets into a buffer of fixed size. A request that does not fit behind the last one starts at 0 again, after `wait`.
class Ring {
 public:
  static constexpr size_t kAlign = 256;
  explicit Ring(size_t bytes = 0) : bytes_(bytes) {}
  size_t bytes() const { return bytes_; }

  /// False: larger than the whole buffer.
  template <class Wait>
  bool take(size_t bytes, size_t& offset, Wait&& wait) {
    bytes = (bytes + kAlign - 1) / kAlign * kAlign;
    if (bytes > bytes_) return false;
    if (at_ + bytes > bytes_) {
      wait();
      at_ = 0;
    }
    offset = at_;
    at_ += bytes;
    return true;
  }
  /// Everything handed out has been used.
  void reset() { at_ = 0; }

 private:
  size_t bytes_, at_ = 0;
};

/// What has been uploaded during this pass, by host address and size.
class Resident {
 public:
  const void* find(const void* host, size_t bytes) const {
    auto it = places_.find(host);
    return it != places_.end() && it->second.bytes == bytes ? it->second.device : nullptr;
  }
  void add(const void* host, size_t bytes, const void* device) { places_[host] = {bytes, device}; }
  void clear() { places_.clear(); }

 private:
  struct Place {
    size_t bytes;
    const void* device;
  };
  std::map<const void*, Place> places_;
};

}  // namespace pr1::cuda
