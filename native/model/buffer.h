// Memory of the device that only grows.
#pragma once
#include "../ops.h"

namespace pr1 {

class Buffer {
 public:
  explicit Buffer(Ops& ops) : ops_(&ops) {}
  ~Buffer() { ops_->release(data_); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  float* get(size_t floats) {
    if (floats > size_) {
      ops_->release(data_);
      data_ = nullptr;
      size_ = 0;
      data_ = ops_->allocate(floats);
      size_ = floats;
    }
    return data_;
  }
  float* data() const { return data_; }

 private:
  Ops* ops_;
  float* data_ = nullptr;
  size_t size_ = 0;
};

/// Rows of an array that may lie apart, as a block: where they are if they are neighbours, else in a copy.
class Picked {
 public:
  explicit Picked(Ops& ops) : ops_(ops), copy_(ops) {}
  /// n ≥ 1 rows of `from` (…, width). `most`: of any block that goes through here.
  float* get(float* from, const int* rows, int n, size_t width, size_t most) {
    if (rows[n - 1] - rows[0] == n - 1) return from + static_cast<size_t>(rows[0]) * width;
    float* to = copy_.get(most * width);
    ops_.gather_rows(to, from, rows, n, static_cast<int>(width));
    return to;
  }
  const float* get(const float* from, const int* rows, int n, size_t width, size_t most) {
    return get(const_cast<float*>(from), rows, n, width, most);
  }
  /// A block that `get` gave has changed.
  void put_back(float* to, const float* block, const int* rows, int n, size_t width) {
    if (block != to + static_cast<size_t>(rows[0]) * width) ops_.scatter_rows(to, block, rows, n, static_cast<int>(width));
  }

 private:
  Ops& ops_;
  Buffer copy_;
};

/// Work space of the parts, shared by all layers: what exists for a block of rows, or for the gradients of one layer.
struct Workspace {
  explicit Workspace(Ops& ops)
      : normed(ops), act(ops), dh(ops), dgate_up(ops), datt(ops), dqkv(ops), dout(ops), stream(ops), gradient(ops), gate_up(ops), qkv(ops),
        dqkv_rows(ops), att(ops), out(ops), rstd(ops), post_rstd(ops) {}
  Buffer normed;    // (block, hidden)
  Buffer act;       // (block, intermediate)
  Buffer dh;        // (block, hidden)
  Buffer dgate_up;  // (block, 2 intermediate)
  Buffer datt;      // (T, heads * dim)
  Buffer dqkv;      // (T, qkv width)
  Buffer dout;      // (block, hidden), where a norm follows a part
  // Where rows lie apart, copies of a block of them: of the stream and its gradient, and of what a forward left.
  Picked stream, gradient;                               // (block, hidden)
  Picked gate_up, qkv, dqkv_rows, att, out;              // (block, …)
  Picked rstd, post_rstd;                                // (block)
};

}  // namespace pr1
