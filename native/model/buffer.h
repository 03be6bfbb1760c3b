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

/// Work space of the parts, shared by all layers: what exists for a block of rows, or for the gradients of one layer.
struct Workspace {
  explicit Workspace(Ops& ops) : normed(ops), act(ops), dh(ops), dgate_up(ops), datt(ops), dqkv(ops), dout(ops) {}
  Buffer normed;    // (block, hidden)
  Buffer act;       // (block, intermediate)
  Buffer dh;        // (block, hidden)
  Buffer dgate_up;  // (block, 2 intermediate)
  Buffer datt;      // (T, heads * dim)
  Buffer dqkv;      // (T, qkv width)
  Buffer dout;      // (block, hidden), where a norm follows a part
};

}  // namespace pr1
