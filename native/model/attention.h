// The attention part of a layer, between its norm and its residual: qkv, norms of q and k, rotation, softmax over what a
// token sees, o. T rows, one a token; a block of rows goes through a chain of ops while it is in the cache.
#pragma once
#include "buffer.h"
#include "linear.h"
#include "rope.h"
#include "visibility.h"

namespace pr1 {

/// Cuts one allocation into arrays of T rows.
class Carving {
 public:
  Carving(float* base, int T) : at_(base), T_(static_cast<size_t>(T)) {}
  float* rows(size_t width) {
    float* p = at_;
    at_ += T_ * width;
    return p;
  }

 private:
  float* at_;
  size_t T_;
};

/// A block of rows: t … t + n − 1.
struct Rows {
  size_t t;
  int n;
};

class Attention {
 public:
  /// What the forward leaves for the backward, T rows each. Without norms of q and k the rotation runs in place.
  struct Saved {
    float *raw, *qkv;  // (qkv width) before and after norms and rotation
    float* att;        // (heads * dim) what the heads give
    float* lse;        // (heads)
  };

  Attention(Parameters& parameters, Ops& ops, const AttentionSpec& spec, const ModelSpec& model, const RopeTable& rope);

  size_t saved_floats() const;
  Saved carve(Carving& saved) const;
  template <class F>
  void each_linear(F&& body) {
    body(qkv_);
    body(o_);
  }
  const Heads& heads() const { return heads_; }

  /// raw and qkv of a block from its normed rows (n, hidden).
  void project(const Saved& s, const float* normed, Rows rows, const int* positions) const;
  /// The same without norms of q and k and rotation: raw alone.
  void project_raw(const Saved& s, const float* normed, Rows rows) const;
  /// att of the tokens `rows`, all or some of T, one behind the other.
  void attend(const Saved& s, const Visibility& visible, const TokenList& rows, int T, Workspace& w) const;
  /// The same from raw rows over a layer's cache, where keys and values of the rows go to `slots` (T) first.
  void attend_cached(const Saved& s, const Visibility& visible, int T, const int* positions, const int* slots, float* k_cache,
                     float* v_cache) const;
  /// y (n, hidden) = o(att) + residual of a block; residual may be null.
  void output(float* y, const Saved& s, const float* residual, Rows rows) const;

  /// From dy (n, hidden) and att (n, heads * dim) of a block: gradients of o, and rows of w.datt.
  void output_backward(const float* dy, const float* att, Rows rows, Workspace& w) const;
  /// w.datt, of the tokens `rows`, which are rows `at` of what `attend` gave, → w.dqkv, all of it.
  void attend_backward(const Saved& s, const Visibility& visible, const Batch& batch, const TokenList& rows, const TokenList& at,
                       Workspace& w) const;
  /// From d (n, qkv width) and raw of a block: gradients of qkv and of the norms of q and k, and dnormed (n, hidden). d is overwritten.
  void project_backward(float* dnormed, float* d, const float* raw, const float* normed, int n, const int* positions) const;

 private:
  Ops& ops_;
  Heads heads_;
  int window_;
  const RopeTable& rope_;
  Linear qkv_, o_;
  Norm q_norm_, k_norm_;
};

}  // namespace pr1
