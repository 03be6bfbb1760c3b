#pragma once
#include <napi.h>

#include "model/spec.h"

namespace pr1 {

/// A ModelSpec of src/engine/spec.ts. Throws a Napi::Error where sizes, shapes or indices do not fit together: products read and
/// write by them.
ModelSpec read_spec(const Napi::Object& spec, const Napi::Value& types);

/// Puts an AdapterSpec of src/engine/native/adapters.ts beside the layers of `m`, unless it is undefined. Throws as read_spec does.
void read_adapters(ModelSpec& m, Napi::Env env, const Napi::Value& adapters);

}  // namespace pr1
