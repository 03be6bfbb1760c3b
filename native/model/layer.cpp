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

/// body(block) over blocks of rows that stay in the device's cache from op to op.
template <class F>
static void row_blocks(const Ops& ops, int T, F&& body) {
  const int block = ops.row_block();
  for (int t = 0; t < T; t += std::min(block, T - t)) body(Rows{static_cast<size_t>(t), std::min(block, T - t)});
}

void Layer::forward(float* out, const float* x, const Saved& s, const int* positions, const Visibility& visible, int T,
                    const Cache* cache, Workspace& w) const {
  const size_t C = static_cast<size_t>(hidden_), block = static_cast<size_t>(std::min(T, ops_.row_block()));
  float* normed = w.normed.get(block * C);
  w.act.get(block * mlp_.inner());
  row_blocks(ops_, T, [&](Rows rows) {
    norm1_.forward(normed, s.rstd1 + rows.t, x + rows.t * C, nullptr, rows.n);
    if (cache) {
      attention_.project_raw(s.attention, normed, rows);
    } else {
      attention_.project(s.attention, normed, rows, positions);
    }
  });
  if (cache) {
    attention_.attend_cached(s.attention, visible, T, positions, cache->slots, cache->k, cache->v);
  } else {
    attention_.attend(s.attention, visible, T);
  }
  const bool post = has_post_norms();
  row_blocks(ops_, T, [&](Rows rows) {
    const size_t t = rows.t, at = t * C;
    float *x2 = s.x2 + at, *y = out + at, *gate_up = s.gate_up + t * 2 * mlp_.inner();
    attention_.output(post ? s.out1 + at : x2, s.attention, post ? nullptr : x + at, rows);
    if (post) post_norm1_.forward(x2, s.post_rstd1 + t, s.out1 + at, x + at, rows.n);
    norm2_.forward(normed, s.rstd2 + t, x2, nullptr, rows.n);
    mlp_.forward(post ? s.out2 + at : y, gate_up, normed, post ? nullptr : x2, rows.n, w);
    if (post) post_norm2_.forward(y, s.post_rstd2 + t, s.out2 + at, x2, rows.n);
  });
}

void Layer::backward(float* dx, const float* x, const Saved& s, const Visibility& visible, const Batch& batch,
                     Workspace& w) const {
  const int T = batch.T;
  const size_t C = static_cast<size_t>(hidden_), n = static_cast<size_t>(T);
  const size_t block = static_cast<size_t>(std::min(T, ops_.row_block()));
  const Heads& h = attention_.heads();
  float *normed = w.normed.get(block * C), *dh = w.dh.get(block * C);
  w.act.get(block * mlp_.inner());
  w.dgate_up.get(block * 2 * mlp_.inner());
  w.datt.get(n * h.q_width());
  w.dqkv.get(n * h.qkv_width());
  // Where a norm follows a part: the gradient before that norm.
  float* inside = has_post_norms() ? w.dout.get(block * C) : nullptr;
  auto through = [&](const Norm& post, const float* d, const float* out, const float* rstd, int rows) {
    if (!inside) return d;
    ops_.zero(inside, static_cast<size_t>(rows) * C);
    post.backward(inside, d, out, rstd, rows);
    return static_cast<const float*>(inside);
  };

  row_blocks(ops_, T, [&](Rows rows) {
    const size_t t = rows.t, at = t * C;
    float *d = dx + at, *x2 = s.x2 + at;
    norm2_.forward(normed, nullptr, x2, nullptr, rows.n);
    mlp_.backward(dh, through(post_norm2_, d, s.out2 + at, s.post_rstd2 + t, rows.n), s.gate_up + t * 2 * mlp_.inner(),
                  normed, rows.n, w);
    norm2_.backward(d, dh, x2, s.rstd2 + t, rows.n);
    attention_.output_backward(through(post_norm1_, d, s.out1 + at, s.post_rstd1 + t, rows.n), s.attention, rows, w);
  });
  attention_.attend_backward(s.attention, visible, batch, w);
  row_blocks(ops_, T, [&](Rows rows) {
    const size_t at = rows.t * C;
    norm1_.forward(normed, nullptr, x + at, nullptr, rows.n);
    attention_.project_backward(dh, s.attention, normed, rows, batch.positions.data(), w);
    norm1_.backward(dx + at, dh, x + at, s.rstd1 + rows.t, rows.n);
  });
}

}  // namespace pr1
