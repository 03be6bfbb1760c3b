// Aligned buffers that only grow. Included by kernels.h.

/// Scratch that is reused from call to call; contents are undefined.
struct Scratch {
  float* data = nullptr;
  size_t size = 0;
  ~Scratch() { std::free(data); }
  float* get(size_t floats) {
    if (floats > size) {
      std::free(data);
      data = nullptr;
      size = 0;
      data = aligned_floats(floats);
      size = floats;
    }
    return data;
  }
};
