// One layer:
//
//   x2  = x  + [post norm] attention(norm(x))
//   out = x2 + [post norm] mlp(norm(x2)),   mlp(y) = down(activation(gate y) * up y)
//
// Rows (T, hidden), one a token. A norm behind a part is there in some families only.
#pragma once
#include "attention.h"

namespace pr1 {

class GatedMlp {
 public:
  GatedMlp(Parameters& parameters, Ops& ops, const MlpSpec& spec, const ModelSpec& model);

  int inner() const { return down_.in(); }
  template <class F>
  void each_linear(F&& body) {
    body(gate_up_);
    body(down_);
  }
  /// y (n, hidden) = mlp(normed) + residual, which may be null; gate_up (n, 2 inner) is what the backward needs.
  void forward(float* y, float* gate_up, const float* normed, const float* residual, int n, Workspace& w) const;
  /// From dy (n, hidden): gradients of the three matrices, and dnormed (n, hidden).
  void backward(float* dnormed, const float* dy, const float* gate_up, const float* normed, int n, Workspace& w) const;

 private:
  Ops& ops_;
  Activation activation_;
  Linear gate_up_, down_;
};

class Layer {
 public:
  /// What the forward leaves for the backward, T rows each.
  struct Saved {
    float *rstd1, *rstd2;        // (1) of the norms before the parts
    Attention::Saved attention;
    float* x2;                   // (hidden)
    float* gate_up;              // (2 inner)
    float *out1, *out2;          // (hidden) of the parts, where a norm follows
    float *post_rstd1, *post_rstd2;
  };

  Layer(Parameters& parameters, Ops& ops, const LayerSpec& spec, const ModelSpec& model, const RopeTable& rope);

  size_t saved_floats() const;
  Saved carve(float* base, int T) const;
  template <class F>
  void each_linear(F&& body) {
    attention_.each_linear(body);
    mlp_.each_linear(body);
  }
  bool has_post_norms() const { return post_norm1_.there(); }

  /// Where the keys and values of a layer are while decoding.
  struct Cache {
    const int* slots;
    float *k, *v;
  };
  /// Rows of out for the tokens `rows`, one behind the other, from x (T, hidden); over packed tokens, or all rows over the cache.
  void forward(float* out, const float* x, const Saved& s, const int* positions, const Visibility& visible, int T,
               const TokenList& rows, const Cache* cache, Workspace& w) const;
  /// How far a gradient reaches. Everywhere else it is 0.
  struct Reach {
    TokenList rows;  // tokens whose output has one,
    TokenList at;    // which are so many-th of those that the forward gave,
    TokenList seen;  // tokens whose input gets one
  };
  /// dx (T, hidden): gradient of the layer's output, becomes the gradient of its input x.
  void backward(float* dx, const float* x, const Saved& s, const Visibility& visible, const Batch& batch, const Reach& reach,
                Workspace& w) const;

 private:
  Ops& ops_;
  int hidden_;
  Attention attention_;
  GatedMlp mlp_;
  Norm norm1_, norm2_, post_norm1_, post_norm2_;
};

}  // namespace pr1
