// Aligned buffers that only grow. Included by kernels.h.

/// A short copy; n floats that do not overlap.
inline void copy_floats(float* to, const float* from, int n) {
  int i = 0;
  for (; i + 16 <= n; i += 16) store(to + i, load(from + i));
  for (; i < n; i++) to[i] = from[i];
}

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
