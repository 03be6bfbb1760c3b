// Arguments of the addon's calls, read and guarded. What is wrong with one is said by src/engine/checks.ts before.
#pragma once
#include <napi.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace pr1 {

[[noreturn]] inline void fail(Napi::Env env, const std::string& message, const char* code = "PR1_ARGUMENT") {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", code);
  throw error;
}

template <class T>
struct View {
  const T* data;
  size_t size;
};

template <class Array, class T>
View<T> view(Napi::Env env, const Napi::Value& value, const char* name, napi_typedarray_type type) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type) {
    fail(env, std::string(name) + " has the wrong type.");
  }
  Array array = value.As<Array>();
  return {array.Data(), array.ElementLength()};
}
inline View<int32_t> ints(Napi::Env env, const Napi::Value& value, const char* name) {
  return view<Napi::Int32Array, int32_t>(env, value, name, napi_int32_array);
}
inline View<float> floats(Napi::Env env, const Napi::Value& value, const char* name) {
  return view<Napi::Float32Array, float>(env, value, name, napi_float32_array);
}
inline View<double> doubles(Napi::Env env, const Napi::Value& value, const char* name) {
  return view<Napi::Float64Array, double>(env, value, name, napi_float64_array);
}

inline double number(const Napi::Object& object, const char* key) {
  Napi::Value value = object.Get(key);
  if (!value.IsNumber()) fail(object.Env(), std::string(key) + " must be a number.");
  return value.As<Napi::Number>().DoubleValue();
}
inline int integer(const Napi::Object& object, const char* key, double least, double most) {
  double value = number(object, key);
  if (!(value >= least && value <= most) || value != std::floor(value)) {
    fail(object.Env(), std::string(key) + " must be an integer from " + std::to_string(static_cast<long long>(least)) +
                           " to " + std::to_string(static_cast<long long>(most)) + ". Got " + std::to_string(value) +
                           ".");
  }
  return static_cast<int>(value);
}
inline bool flag(const Napi::Object& object, const char* key) { return object.Get(key).ToBoolean().Value(); }

/// What lies beyond these indexes memory that is not there; src/engine/checks.ts has said it better before.
inline void guard(Napi::Env env, bool ok, const char* what) {
  if (!ok) fail(env, std::string(what) + " out of range: a caller of the addon must check its arguments.");
}
inline void guard_range(Napi::Env env, View<int32_t> values, int end, const char* what) {
  guard(env, std::all_of(values.data, values.data + values.size, [end](int v) { return v >= 0 && v < end; }), what);
}

}  // namespace pr1
