#include "head.h"

#include <algorithm>
#include <cmath>

namespace pr1 {

Embedding::Embedding(Parameters& parameters, Ops& ops, const ModelSpec& model)
    : parameters_(parameters), ops_(ops), parameter_(parameters.add(model.embedding)), vocab_(model.vocab), hidden_(model.hidden),
      scale_(model.embedding_scale) {
  parameters.align();
  if (model.token_rows.there()) token_rows_ = std::make_unique<TokenRows>(*parameters.adapters(), ops, model.token_rows);
}

TokenRows* Embedding::token_rows() const { return token_rows_ && parameters_.adapters()->on ? token_rows_.get() : nullptr; }

Embedding::~Embedding() { ops_.release(panels_); }

void Embedding::allocate() {
  if (!parameters_.list()[parameter_].panels || parameters_.look_up(parameter_)) return;
  panels_ = ops_.allocate(ops_.forward_floats(vocab_, hidden_));
  Matrix matrix;
  matrix.out = vocab_;
  matrix.in = hidden_;
  matrix.forward = panels_;
  parameters_.hold(parameter_, matrix, 0);
}

double Embedding::packed_floats() const { return panels_ ? static_cast<double>(ops_.forward_floats(vocab_, hidden_)) : 0; }

void Embedding::forward(float* x, const int* ids, int T) const {
  if (const auto& blocks = parameters_.list()[parameter_].blocks) {
    ops_.blocks_rows(x, *blocks, ids, scale_, T);
  } else if (parameters_.list()[parameter_].panels) {
    parameters_.rows(x, parameter_, ids, scale_, T);
  } else {
    ops_.embedding_forward(x, parameters_.weights(parameter_), ids, scale_, T, hidden_);
  }
  if (const TokenRows* own = token_rows()) own->forward(x, ids, scale_, T);
}

void Embedding::backward(const float* dx, const int* ids, int T) const {
  if (const TokenRows* own = token_rows()) own->backward(dx, ids, scale_, T);
  if (parameters_.adapters()) return;
  ops_.embedding_backward(parameters_.gradients(parameter_), dx, ids, scale_, T, hidden_);
}

static Linear head_linear(Parameters& parameters, Ops& ops, const ModelSpec& model, const Embedding& embedding) {
  if (model.head.name == model.embedding.name) return Linear(parameters, ops, embedding.parameter());
  const LinearSpec own{model.head, {}, {}};
  return Linear(parameters, ops, {&own});
}

Head::Head(Parameters& parameters, Ops& ops, const ModelSpec& model, const Embedding& embedding)
    : ops_(ops), embedding_(embedding), tied_(model.head.name == model.embedding.name), hidden_(model.hidden), norm_(parameters, ops, model.norm, model),
      linear_(head_linear(parameters, ops, model, embedding)), rstd_(ops), rows_(ops), drows_(ops), logits_(ops) {}

TokenList Head::target_rows(const Batch& b, const std::vector<float>* weights, const std::vector<float>* entropy_weights) {
  auto weighs = [&](int t) { return (*weights)[t] != 0.0f || (entropy_weights && (*entropy_weights)[t] != 0.0f); };
  TokenList rows;
  for (size_t s = 0; s + 1 < b.bounds.size(); s++) {
    for (int t = b.bounds[s]; t + 1 < b.bounds[s + 1]; t++) {
      if ((b.targets.empty() || b.targets[t]) && (!weights || weighs(t))) rows.push_back(t);
    }
  }
  return rows;
}

void Head::Chunk::fill(const Batch& b, const int* rows, int count) {
  targets.resize(count);
  counts.assign(count, 0);
  excluded.assign(count, nullptr);
  temperatures.assign(count, b.temperature);
  for (int i = 0; i < count; i++) {
    const int t = rows[i];
    targets[i] = b.ids[t + 1];
    if (b.exclusion.empty() || b.exclusion[t] < 0) continue;
    const auto& set = b.exclusion_sets[b.exclusion[t]];
    excluded[i] = set.data();
    counts[i] = static_cast<int>(set.size());
  }
}

/// Logits never exist for more rows than most_rows: body(first row, count, logits).
template <class F>
void Head::chunks(const std::vector<int>& rows, F&& body) {
  const int most = most_rows(), total = static_cast<int>(rows.size());
  float* logits = logits_.get(static_cast<size_t>(std::min(most, std::max(total, 1))) * linear_.out());
  for (int r = 0; r < total; r += most) {
    between();
    body(r, std::min(most, total - r), logits);
  }
}

void Head::project(float* logits, const float* x, int count) const {
  linear_.forward(logits, x, nullptr, count);
  if (const TokenRows* own = token_rows()) own->logits(logits, linear_.out(), x, count);
}

ForwardResult Head::score(const float* x, const TokenList& there, const Batch& b, bool entropy, Workspace& w) {
  const size_t n = static_cast<size_t>(b.T), C = static_cast<size_t>(hidden_);
  const int V = linear_.out();
  float* normed = w.normed.get(there.size() * C);
  norm_.forward(normed, rstd_.get(there.size()), x, nullptr, static_cast<int>(there.size()));
  ForwardResult result;
  result.logprobs.assign(n, 0.0f);
  if (entropy) result.entropies.assign(n, 0.0f);
  lse_.assign(n, 0.0f);
  const TokenList rows = target_rows(b, nullptr, nullptr), places = places_in(there, rows);
  Chunk chunk;
  std::vector<RowScore> scores;
  chunks(rows, [&](int r, int count, float* logits) {
    float* gathered = rows_.get(static_cast<size_t>(count) * C);
    ops_.gather_rows(gathered, normed, places.data() + r, count, hidden_);
    project(logits, gathered, count);
    chunk.fill(b, rows.data() + r, count);
    scores.resize(count);
    ops_.prepare_logits(logits, count, V, chunk.temperatures.data(), chunk.excluded.data(), chunk.counts.data());
    ops_.score_rows(scores.data(), logits, chunk.targets.data(), count, V, entropy);
    for (int i = 0; i < count; i++) {
      const int t = rows[r + i];
      result.logprobs[t] = scores[i].logprob;
      lse_[t] = scores[i].lse;
      if (entropy) result.entropies[t] = scores[i].entropy;
      if (result.fault_token < 0 && !std::isfinite(scores[i].lse)) result.fault_token = t;
    }
  });
  entropies_ = result.entropies;
  return result;
}

void Head::score_backward(float* dx, const float* x, const TokenList& reach, const TokenList& at, const Batch& b,
                          const std::vector<float>& weights, const std::vector<float>* entropy_weights, Workspace& w) {
  const size_t n = reach.size(), C = static_cast<size_t>(hidden_);
  const int V = linear_.out();
  ops_.zero(dx, static_cast<size_t>(b.T) * C);
  if (n == 0) return;
  const float* there = w.stream.get(x, at.data(), static_cast<int>(n), C, n);
  float* normed = w.normed.get(n * C);
  norm_.forward(normed, nullptr, there, nullptr, static_cast<int>(n));
  float* dh = w.dh.get(n * C);
  ops_.zero(dh, n * C);
  const TokenList rows = target_rows(b, &weights, entropy_weights), places = places_in(reach, rows);
  Chunk chunk;
  chunks(rows, [&](int r, int count, float* logits) {
    float* gathered = rows_.get(static_cast<size_t>(count) * C);
    ops_.gather_rows(gathered, normed, places.data() + r, count, hidden_);
    project(logits, gathered, count);
    chunk.fill(b, rows.data() + r, count);
    chunk.weights.resize(count);
    chunk.lse.resize(count);
    if (entropy_weights) chunk.entropy_weights.resize(count), chunk.entropies.resize(count);
    for (int i = 0; i < count; i++) {
      const int t = rows[r + i];
      chunk.weights[i] = weights[t];
      chunk.lse[i] = lse_[t];
      if (!entropy_weights) continue;
      chunk.entropy_weights[i] = (*entropy_weights)[t];
      chunk.entropies[i] = entropies_[t];
    }
    ops_.prepare_logits(logits, count, V, chunk.temperatures.data(), chunk.excluded.data(), chunk.counts.data());
    ops_.logprob_backward(logits, chunk.lse.data(), chunk.targets.data(), chunk.weights.data(),
                          entropy_weights ? chunk.entropy_weights.data() : nullptr, chunk.entropies.data(), b.temperature, count, V);
    const TokenRows* own = token_rows();
    if (own) own->logits_backward(logits, V, gathered, count);
    linear_.backward_weight(logits, gathered, count);
    float* drows = drows_.get(static_cast<size_t>(count) * C);
    linear_.backward_input(drows, logits, count);
    if (own) own->add_input(drows, count);
    ops_.scatter_rows(dh, drows, places.data() + r, count, hidden_);
  });
  float* d = w.gradient.get(dx, reach.data(), static_cast<int>(n), C, n);
  norm_.backward(d, dh, there, w.rstd.get(rstd_.data(), at.data(), static_cast<int>(n), 1, n), static_cast<int>(n));
  w.gradient.put_back(dx, d, reach.data(), static_cast<int>(n), C);
}

StepResult Head::sample(const float* x, const Step& step, Workspace& w) {
  const int total = static_cast<int>(step.rows.size()), V = linear_.out();
  const size_t C = static_cast<size_t>(hidden_);
  StepResult result;
  result.ids.assign(total, -1);
  result.logprobs.assign(total, 0.0f);
  float* normed = w.normed.get(static_cast<size_t>(total) * C);
  std::vector<float> temperatures;
  std::vector<const int*> excluded;
  std::vector<int> counts;
  std::vector<RowScore> scores;
  chunks(step.rows, [&](int r, int count, float* logits) {
    float* gathered = rows_.get(static_cast<size_t>(count) * C);
    ops_.gather_rows(gathered, x, step.rows.data() + r, count, hidden_);
    norm_.forward(normed, nullptr, gathered, nullptr, count);
    project(logits, normed, count);
    temperatures.resize(count);
    excluded.resize(count);
    counts.resize(count);
    scores.resize(count);
    for (int i = 0; i < count; i++) {
      temperatures[i] = step.sampling[r + i].temperature;
      excluded[i] = step.excluded[r + i].data();
      counts[i] = static_cast<int>(step.excluded[r + i].size());
    }
    ops_.prepare_logits(logits, count, V, temperatures.data(), excluded.data(), counts.data());
    ops_.sample_rows(result.ids.data() + r, logits, step.sampling.data() + r, count, V);
    ops_.score_rows(scores.data(), logits, result.ids.data() + r, count, V, false);
    for (int i = 0; i < count; i++) {
      result.logprobs[r + i] = scores[i].logprob;
      if (std::isfinite(scores[i].lse)) continue;
      result.ids[r + i] = -1;
      result.faults.resize(static_cast<size_t>(total), kFaultNone);
      result.faults[r + i] = kFaultEmbedding;
    }
  });
  return result;
}

}  // namespace pr1
