#include "layer.h"

#include <algorithm>

namespace pr1 {

GatedMlp::GatedMlp(Parameters& parameters, Ops& ops, const MlpSpec& spec, const ModelSpec& model)
    : ops_(ops), activation_(model.activation), gate_up_(parameters, ops, {&spec.gate, &spec.up}),
      down_(parameters, ops, {&spec.down}) {}

void GatedMlp::forward(float* y, float* gate_up, const float* normed, const float* residual, int n, Workspace& w) const {
  float* act = w.act.data();
  gate_up_.forward(gate_up, normed, nullptr, n);
  ops_.gated_forward(act, gate_up, activation_, n, inner());
  down_.forward(y, act, residual, n);
}

void GatedMlp::backward(float* dnormed, const float* dy, const float* gate_up, const float* normed, int n,
                        Workspace& w) const {
  float *act = w.act.data(), *dgate_up = w.dgate_up.data();
  down_.backward_input(act, dy, n);
  ops_.gated_backward_recompute(dgate_up, act, act, gate_up, activation_, n, inner());
  down_.backward_weight(dy, act, n);
  gate_up_.backward_weight(dgate_up, normed, n);
  gate_up_.backward_input(dnormed, dgate_up, n);
}

Layer::Layer(Parameters& parameters, Ops& ops, const LayerSpec& spec, const ModelSpec& model, const RopeTable& rope)
    : ops_(ops), hidden_(model.hidden), attention_(parameters, ops, spec.attention, model, rope),
      mlp_(parameters, ops, spec.mlp, model), norm1_(parameters, ops, spec.attention.norm, model),
      norm2_(parameters, ops, spec.mlp.norm, model), post_norm1_(parameters, ops, spec.attention.post_norm, model),
      post_norm2_(parameters, ops, spec.mlp.post_norm, model) {}

size_t Layer::saved_floats() const {
  const size_t C = static_cast<size_t>(hidden_);
  return 2 + attention_.saved_floats() + C + 2 * static_cast<size_t>(mlp_.inner()) + (has_post_norms() ? 2 * C + 2 : 0);
}

Layer::Saved Layer::carve(float* base, int T) const {
  const size_t C = static_cast<size_t>(hidden_);
  Carving saved(base, T);
  Saved s{};
  s.rstd1 = saved.rows(1);
  s.rstd2 = saved.rows(1);
  s.attention = attention_.carve(saved);
  s.x2 = saved.rows(C);
  s.gate_up = saved.rows(2 * static_cast<size_t>(mlp_.inner()));
  if (has_post_norms()) {
    s.out1 = saved.rows(C);
    s.out2 = saved.rows(C);
    s.post_rstd1 = saved.rows(1);
    s.post_rstd2 = saved.rows(1);
  }
  return s;
}

/// body(block) over blocks of n rows that stay in the device's cache from op to op.
template <class F>
static void row_blocks(const Ops& ops, size_t n, F&& body) {
  const size_t block = static_cast<size_t>(ops.row_block());
  for (size_t t = 0; t < n; t += block) body(Rows{t, static_cast<int>(std::min(block, n - t))});
}

void Layer::forward(float* out, const float* x, const Saved& s, const int* positions, const Visibility& visible, int T,
                    const TokenList& rows, const Cache* cache, Workspace& w) const {
  const size_t C = static_cast<size_t>(hidden_), block = static_cast<size_t>(std::min(T, ops_.row_block()));
  float* normed = w.normed.get(block * C);
  w.act.get(block * mlp_.inner());
  row_blocks(ops_, T, [&](Rows all) {
    norm1_.forward(normed, s.rstd1 + all.t, x + all.t * C, nullptr, all.n);
    if (cache) {
      attention_.project_raw(s.attention, normed, all);
    } else {
      attention_.project(s.attention, normed, all, positions);
    }
  });
  if (cache) {
    attention_.attend_cached(s.attention, visible, T, positions, cache->slots, cache->k, cache->v);
  } else {
    attention_.attend(s.attention, visible, rows, T, w);
  }
  const bool post = has_post_norms();
  row_blocks(ops_, rows.size(), [&](Rows some) {
    const size_t t = some.t, at = t * C;
    const float* from = w.stream.get(x, rows.data() + t, some.n, C, block);
    float *x2 = s.x2 + at, *y = out + at, *gate_up = s.gate_up + t * 2 * mlp_.inner();
    attention_.output(post ? s.out1 + at : x2, s.attention, post ? nullptr : from, some);
    if (post) post_norm1_.forward(x2, s.post_rstd1 + t, s.out1 + at, from, some.n);
    norm2_.forward(normed, s.rstd2 + t, x2, nullptr, some.n);
    mlp_.forward(post ? s.out2 + at : y, gate_up, normed, post ? nullptr : x2, some.n, w);
    if (post) post_norm2_.forward(y, s.post_rstd2 + t, s.out2 + at, x2, some.n);
  });
}

void Layer::backward(float* dx, const float* x, const Saved& s, const Visibility& visible, const Batch& batch, const Reach& reach,
                     Workspace& w) const {
  const int T = batch.T;
  const size_t C = static_cast<size_t>(hidden_), F2 = 2 * static_cast<size_t>(mlp_.inner());
  const size_t block = static_cast<size_t>(std::min(T, ops_.row_block()));
  const Heads& h = attention_.heads();
  const size_t qw = static_cast<size_t>(h.q_width()), qkv = static_cast<size_t>(h.qkv_width());
  float *normed = w.normed.get(block * C), *dh = w.dh.get(block * C);
  w.act.get(block * mlp_.inner());
  w.dgate_up.get(block * F2);
  w.datt.get(reach.rows.size() * qw);
  float* dqkv = w.dqkv.get(static_cast<size_t>(T) * qkv);
  // Where a norm follows a part: the gradient before that norm.
  float* inside = has_post_norms() ? w.dout.get(block * C) : nullptr;
  auto through = [&](const Norm& post, const float* d, const float* out, const float* rstd, const int* at, int n) {
    if (!inside) return d;
    ops_.zero(inside, static_cast<size_t>(n) * C);
    post.backward(inside, d, w.out.get(out, at, n, C, block), w.post_rstd.get(rstd, at, n, 1, block), n);
    return static_cast<const float*>(inside);
  };

  row_blocks(ops_, reach.rows.size(), [&](Rows some) {
    const int *tokens = reach.rows.data() + some.t, *at = reach.at.data() + some.t, n = some.n;
    float* d = w.gradient.get(dx, tokens, n, C, block);
    const float* x2 = w.stream.get(s.x2, at, n, C, block);
    norm2_.forward(normed, nullptr, x2, nullptr, n);
    mlp_.backward(dh, through(post_norm2_, d, s.out2, s.post_rstd2, at, n), w.gate_up.get(s.gate_up, at, n, F2, block), normed, n, w);
    norm2_.backward(d, dh, x2, w.rstd.get(s.rstd2, at, n, 1, block), n);
    w.gradient.put_back(dx, d, tokens, n, C);
    attention_.output_backward(through(post_norm1_, d, s.out1, s.post_rstd1, at, n), w.att.get(s.attention.att, at, n, qw, block), some, w);
  });
  attention_.attend_backward(s.attention, visible, batch, reach.rows, reach.at, w);
  std::vector<int> positions;
  row_blocks(ops_, reach.seen.size(), [&](Rows some) {
    const int *tokens = reach.seen.data() + some.t, n = some.n;
    const float* from = w.stream.get(x, tokens, n, C, block);
    float* d = w.gradient.get(dx, tokens, n, C, block);
    const int* places = batch.positions.data() + tokens[0];
    if (tokens[n - 1] - tokens[0] != n - 1) {
      positions.clear();
      for (int i = 0; i < n; i++) positions.push_back(batch.positions[static_cast<size_t>(tokens[i])]);
      places = positions.data();
    }
    norm1_.forward(normed, nullptr, from, nullptr, n);
    attention_.project_backward(dh, w.dqkv_rows.get(dqkv, tokens, n, qkv, block), w.qkv.get(s.attention.raw, tokens, n, qkv, block), normed,
                                n, places);
    norm1_.backward(d, dh, from, w.rstd.get(s.rstd1, tokens, n, 1, block), n);
    w.gradient.put_back(dx, d, tokens, n, C);
  });
}

}  // namespace pr1
