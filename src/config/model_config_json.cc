// SPDX-License-Identifier: Apache-2.0
// The message as GET config prints it: fields in the order of the .proto, scalars, lists and maps
// even when they are unset, messages and members of a oneof only when they are set, enums as names,
// 64-bit numbers as numbers.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>

#include "base/check.h"
#include "base/json_writer.h"
#include "config/model_config_message.h"

namespace neso {
namespace {

namespace pb = google::protobuf;
using Type = pb::FieldDescriptor;

void write_message(JsonWriter& json, const pb::Message& message);

// A field's value, or its element `index` when the field is a list.
void write_value(JsonWriter& json, const pb::Message& message, const Type* field, int index) {
  const pb::Reflection& from = *message.GetReflection();
  const bool list = field->is_repeated();
  switch (field->cpp_type()) {
    case Type::CPPTYPE_INT32:
      json.integer(list ? from.GetRepeatedInt32(message, field, index)
                        : from.GetInt32(message, field));
      break;
    case Type::CPPTYPE_INT64:
      json.integer(list ? from.GetRepeatedInt64(message, field, index)
                        : from.GetInt64(message, field));
      break;
    case Type::CPPTYPE_UINT32:
      json.unsigned_integer(list ? from.GetRepeatedUInt32(message, field, index)
                                 : from.GetUInt32(message, field));
      break;
    case Type::CPPTYPE_UINT64:
      json.unsigned_integer(list ? from.GetRepeatedUInt64(message, field, index)
                                 : from.GetUInt64(message, field));
      break;
    case Type::CPPTYPE_DOUBLE:
      json.number(list ? from.GetRepeatedDouble(message, field, index)
                       : from.GetDouble(message, field));
      break;
    case Type::CPPTYPE_FLOAT:
      json.number(list ? from.GetRepeatedFloat(message, field, index)
                       : from.GetFloat(message, field));
      break;
    case Type::CPPTYPE_BOOL:
      json.boolean(list ? from.GetRepeatedBool(message, field, index)
                        : from.GetBool(message, field));
      break;
    case Type::CPPTYPE_STRING:
      json.string(list ? from.GetRepeatedString(message, field, index)
                       : from.GetString(message, field));
      break;
    case Type::CPPTYPE_ENUM: {
      // A number that no name stands for can be in a proto3 message; Triton prints the number.
      const int number = list ? from.GetRepeatedEnumValue(message, field, index)
                              : from.GetEnumValue(message, field);
      const pb::EnumValueDescriptor* value = field->enum_type()->FindValueByNumber(number);
      if (value != nullptr) {
        json.string(value->name());
      } else {
        json.integer(number);
      }
      break;
    }
    case Type::CPPTYPE_MESSAGE:
      write_message(json, list ? from.GetRepeatedMessage(message, field, index)
                               : from.GetMessage(message, field));
      break;
  }
}

// Keys are strings or unsigned numbers in this schema; sorted by their text, so that the answer is
// always the same.
void write_map(JsonWriter& json, const pb::Message& message, const Type* field) {
  const pb::Reflection& from = *message.GetReflection();
  const Type* key_field = field->message_type()->map_key();
  const Type* value_field = field->message_type()->map_value();
  std::vector<std::pair<std::string, const pb::Message*>> entries;
  for (int i = 0; i < from.FieldSize(message, field); ++i) {
    const pb::Message& entry = from.GetRepeatedMessage(message, field, i);
    const pb::Reflection& of_entry = *entry.GetReflection();
    entries.emplace_back(key_field->cpp_type() == Type::CPPTYPE_STRING
                             ? of_entry.GetString(entry, key_field)
                             : std::to_string(of_entry.GetUInt64(entry, key_field)),
                         &entry);
  }
  std::sort(entries.begin(), entries.end());
  json.begin_object();
  for (const auto& [key, entry] : entries) {
    json.key(key);
    write_value(json, *entry, value_field, 0);
  }
  json.end_object();
}

void write_message(JsonWriter& json, const pb::Message& message) {
  const pb::Descriptor& type = *message.GetDescriptor();
  const pb::Reflection& from = *message.GetReflection();
  json.begin_object();
  for (int i = 0; i < type.field_count(); ++i) {
    const Type* field = type.field(i);
    if (field->has_presence() && !from.HasField(message, field)) continue;
    json.key(field->name());
    if (field->is_map()) {
      write_map(json, message, field);
    } else if (field->is_repeated()) {
      json.begin_array();
      for (int k = 0; k < from.FieldSize(message, field); ++k) write_value(json, message, field, k);
      json.end_array();
    } else {
      write_value(json, message, field, 0);
    }
  }
  json.end_object();
}

}  // namespace

std::string model_config_json(const ModelConfig& config) {
  NESO_CHECK(config.message != nullptr);
  JsonWriter json;
  write_message(json, config.message->proto);
  return std::move(json).text();
}

std::string model_config_bytes(const ModelConfig& config) {
  NESO_CHECK(config.message != nullptr);
  return config.message->proto.SerializeAsString();
}

}  // namespace neso
