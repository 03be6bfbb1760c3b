#include "read_spec.h"

#include <algorithm>
#include <functional>

#include "arguments.h"

namespace pr1 {
namespace {

Napi::Object object_at(const Napi::Object& parent, const char* key) {
  Napi::Value value = parent.Get(key);
  guard(parent.Env(), value.IsObject(), key);
  return value.As<Napi::Object>();
}

/// Names, and shapes as they have to be.
class Reader {
 public:
  Reader(const ModelSpec& sizes, const Napi::Value& types) : m_(sizes), typed_(types.IsObject()), types_(types) {}

  /// An absent one has no shape.
  ParameterSpec parameter(const Napi::Object& parent, const char* key, std::vector<int> shape, bool optional = false) const {
    if (optional && !parent.Get(key).IsObject()) return {};
    const Napi::Object spec = object_at(parent, key);
    const Napi::Value name = spec.Get("name"), given = spec.Get("shape");
    guard(parent.Env(), name.IsString() && given.IsArray(), key);
    const Napi::Array sizes = given.As<Napi::Array>();
    bool same = sizes.Length() == shape.size();
    for (uint32_t i = 0; same && i < sizes.Length(); i++) same = sizes.Get(i).ToNumber().DoubleValue() == shape[i];
    guard(parent.Env(), same, key);
    return {name.As<Napi::String>().Utf8Value(), std::move(shape), {}};
  }

  /// One that may be held in blocks: all such of a model are, or none.
  ParameterSpec matrix(const Napi::Object& parent, const char* key, int out, int in) const {
    ParameterSpec spec = parameter(parent, key, {out, in});
    if (!typed_) return spec;
    const std::string name = types_.As<Napi::Object>().Get(spec.name).ToString().Utf8Value();
    for (int i = 0; i < kBlockTypes && !spec.blocks; i++) {
      if (name == format_of(static_cast<BlockType>(i)).name) spec.blocks = static_cast<BlockType>(i);
    }
    guard(parent.Env(), spec.blocks && in % format_of(*spec.blocks).elements == 0, "the type of a parameter's blocks");
    return spec;
  }

  LinearSpec linear(const Napi::Object& parent, const char* key, int out, int in) const {
    const Napi::Object spec = object_at(parent, key);
    return {matrix(spec, "weight", out, in), parameter(spec, "bias", {out}, true)};
  }

  AttentionSpec attention(const Napi::Object& spec) const {
    const Heads& h = m_.heads;
    AttentionSpec a;
    a.norm = parameter(spec, "norm", {m_.hidden});
    a.q = linear(spec, "q", h.q_width(), m_.hidden);
    a.k = linear(spec, "k", h.kv_width(), m_.hidden);
    a.v = linear(spec, "v", h.kv_width(), m_.hidden);
    a.o = linear(spec, "o", m_.hidden, h.q_width());
    a.q_norm = parameter(spec, "qNorm", {h.dim}, true);
    a.k_norm = parameter(spec, "kNorm", {h.dim}, true);
    a.post_norm = parameter(spec, "postNorm", {m_.hidden}, true);
    a.rope = integer(spec, "rope", 0, static_cast<double>(m_.ropes.size()) - 1);
    a.window = integer(spec, "window", 0, 1 << 28);
    guard(spec.Env(), a.q.bias.there() == a.k.bias.there() && a.q.bias.there() == a.v.bias.there(), "biases of q, k and v");
    guard(spec.Env(), a.q_norm.there() == a.k_norm.there(), "norms of q and k");
    return a;
  }

  MlpSpec mlp(const Napi::Object& spec) const {
    const int inner = m_.intermediate;
    MlpSpec mlp;
    mlp.norm = parameter(spec, "norm", {m_.hidden});
    mlp.gate = linear(spec, "gate", inner, m_.hidden);
    mlp.up = linear(spec, "up", inner, m_.hidden);
    mlp.down = linear(spec, "down", m_.hidden, inner);
    mlp.post_norm = parameter(spec, "postNorm", {m_.hidden}, true);
    guard(spec.Env(), mlp.gate.bias.there() == mlp.up.bias.there(), "biases of gate and up");
    return mlp;
  }

 private:
  const ModelSpec& m_;
  const bool typed_;
  const Napi::Value types_;
};

RopeSpec rope_of(const Napi::Value& value) {
  RopeSpec rope;
  if (!value.IsObject()) return rope;
  const Napi::Object spec = value.As<Napi::Object>();
  rope.rotates = true;
  rope.theta = number(spec, "theta");
  if (!spec.Get("scaling").IsObject()) return rope;
  const Napi::Object scaling = spec.Get("scaling").As<Napi::Object>();
  const std::string type = scaling.Get("type").ToString().Utf8Value();
  guard(spec.Env(), type == "linear" || type == "llama3" || type == "yarn" || type == "dynamic", "the type of RoPE scaling");
  rope.factor = number(scaling, "factor");
  rope.scaling = type == "linear" ? RopeSpec::Scaling::linear : RopeSpec::Scaling::dynamic;
  if (type == "linear" || type == "dynamic") return rope;
  rope.original_positions = integer(scaling, "originalMaxPositions", 1, 1 << 28);
  if (type == "yarn") {
    rope.scaling = RopeSpec::Scaling::yarn;
    rope.beta_fast = number(scaling, "betaFast");
    rope.beta_slow = number(scaling, "betaSlow");
    rope.truncate = scaling.Get("truncate").ToBoolean().Value();
    rope.amplitude = static_cast<float>(number(scaling, "attentionFactor"));
    return rope;
  }
  rope.scaling = RopeSpec::Scaling::llama3;
  rope.low = number(scaling, "lowFreqFactor");
  rope.high = number(scaling, "highFreqFactor");
  return rope;
}

}  // namespace

ModelSpec read_spec(const Napi::Object& spec, const Napi::Value& types) {
  const Napi::Env env = spec.Env();
  const double big = 1 << 24;
  ModelSpec m;
  m.vocab = integer(spec, "vocabSize", 1, big);
  m.hidden = integer(spec, "hiddenSize", 1, big);
  m.intermediate = integer(spec, "intermediateSize", 1, big);
  m.max_positions = integer(spec, "maxPositions", 1, 1 << 28);
  m.heads = {integer(spec, "heads", 1, 4096), integer(spec, "kvHeads", 1, 4096), integer(spec, "headDim", 2, 65536)};
  guard(env, m.heads.heads % m.heads.kv_heads == 0 && m.heads.dim % 2 == 0, "heads");
  const double scale = number(spec, "attentionScale");
  // The usual one is left to the ops, which compute it in float32.
  m.heads.scale = scale == 1.0 / std::sqrt(static_cast<double>(m.heads.dim)) ? 0.0f : static_cast<float>(scale);
  const Napi::Object norms = object_at(spec, "norms"), embedding = object_at(spec, "embedding");
  m.norm_eps = static_cast<float>(number(norms, "eps"));
  m.norm_offset = static_cast<float>(number(norms, "offset"));
  const std::string activation = spec.Get("activation").ToString().Utf8Value();
  guard(env, activation == "silu" || activation == "gelu", "activation");
  m.activation = activation == "gelu" ? Activation::gelu : Activation::silu;
  guard(env, spec.Get("ropes").IsArray() && spec.Get("layers").IsArray(), "ropes and layers");
  const Napi::Array ropes = spec.Get("ropes").As<Napi::Array>(), layers = spec.Get("layers").As<Napi::Array>();
  for (uint32_t i = 0; i < ropes.Length(); i++) m.ropes.push_back(rope_of(ropes.Get(i)));
  const Reader read(m, types);
  m.embedding = read.matrix(embedding, "weight", m.vocab, m.hidden);
  m.embedding_scale = static_cast<float>(number(embedding, "scale"));
  guard(env, layers.Length() > 0 && layers.Length() <= 4096, "layers");
  for (uint32_t i = 0; i < layers.Length(); i++) {
    guard(env, layers.Get(i).IsObject(), "layers");
    const Napi::Object layer = layers.Get(i).As<Napi::Object>();
    m.layers.push_back({read.attention(object_at(layer, "attention")), read.mlp(object_at(layer, "mlp"))});
    const LayerSpec &first = m.layers.front(), &own = m.layers.back();
    const bool post = first.attention.post_norm.there();
    guard(env,
          own.attention.post_norm.there() == post && own.mlp.post_norm.there() == post &&
              own.attention.q_norm.there() == first.attention.q_norm.there(),
          "layers that differ in their norms");
  }
  m.norm = read.parameter(spec, "norm", {m.hidden});
  m.head = read.matrix(spec, "head", m.vocab, m.hidden);
  return m;
}

void read_adapters(ModelSpec& m, Napi::Env env, const Napi::Value& value) {
  if (!value.IsObject()) return;
  const Napi::Object adapters = value.As<Napi::Object>();
  struct Place {
    const ParameterSpec* weight;
    AdapterSpec* adapter;
  };
  std::vector<Place> places;
  for (LayerSpec& layer : m.layers) {
    AttentionSpec& a = layer.attention;
    for (LinearSpec* linear : {&a.q, &a.k, &a.v, &a.o, &layer.mlp.gate, &layer.mlp.up, &layer.mlp.down}) {
      places.push_back({&linear->weight, &linear->adapter});
    }
  }
  const Reader read(m, env.Undefined());
  guard(env, adapters.Get("parts").IsArray(), "parts of adapters");
  const Napi::Array parts = adapters.Get("parts").As<Napi::Array>();
  for (uint32_t i = 0; i < parts.Length(); i++) {
    guard(env, parts.Get(i).IsObject(), "parts of adapters");
    const Napi::Object part = parts.Get(i).As<Napi::Object>();
    const std::string weight = part.Get("weight").ToString().Utf8Value();
    const auto place = std::find_if(places.begin(), places.end(), [&](const Place& p) { return p.weight->name == weight; });
    guard(env, place != places.end() && !place->adapter->there(), "the weight of an adapter");
    const std::vector<int>& shape = place->weight->shape;
    const int rank = integer(part, "rank", 1, 1 << 16);
    place->adapter->a = read.parameter(part, "a", {rank, shape[1]});
    place->adapter->b = read.parameter(part, "b", {shape[0], rank});
    place->adapter->scale = static_cast<float>(number(part, "scale"));
  }
  m.adapted = true;
  if (!adapters.Get("rows").IsObject()) return;
  const View<int32_t> ids = ints(env, adapters.Get("tokens"), "tokens of adapters");
  guard_range(env, ids, m.vocab, "tokens of adapters");
  m.token_rows.ids.assign(ids.data, ids.data + ids.size);
  guard(env, !m.token_rows.ids.empty() && std::is_sorted(m.token_rows.ids.begin(), m.token_rows.ids.end(), std::less_equal<int>()),
        "tokens of adapters");
  m.token_rows.rows = read.parameter(adapters, "rows", {static_cast<int>(ids.size), m.hidden});
}

}  // namespace pr1
