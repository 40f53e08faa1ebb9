// SPDX-License-Identifier: Apache-2.0
// A check before the crate reads a Precompiled normalizer: its charsmap starts with the size of a table, which the crate
// reserves unseen. A corrupt size would take gigabytes, or end the process where they are not to be had.

use serde::Deserialize;
use serde_json::Value;

use crate::failure::Failure;

#[derive(Deserialize)]
struct Parts {
    #[serde(default)]
    normalizer: Value,
}

/// Accepts what is no tokenizer at all: saying so is the parser's work.
pub fn check(json: &[u8]) -> Result<(), Failure> {
    match serde_json::from_slice::<Parts>(json) {
        Ok(parts) => check_value(&parts.normalizer),
        Err(_) => Ok(()),
    }
}

fn check_value(value: &Value) -> Result<(), Failure> {
    match value {
        Value::Array(values) => values.iter().try_for_each(check_value),
        Value::Object(members) => members.iter().try_for_each(|(key, value)| match value {
            Value::String(charsmap) if key == "precompiled_charsmap" => check_charsmap(charsmap),
            _ => check_value(value),
        }),
        _ => Ok(()),
    }
}

/// base64 of: table size in bytes (u32, little-endian), table, replacements.
fn check_charsmap(base64: &str) -> Result<(), Failure> {
    let head = base64.get(..8).and_then(|head| base64::decode(head).ok());
    let Some([a, b, c, d, ..]) = head.as_deref() else {
        return Ok(()); // no table; the crate refuses it
    };
    let table_bytes = u32::from_le_bytes([*a, *b, *c, *d]) as usize;
    let bytes = base64.len() / 4 * 3;
    if 4 + table_bytes > bytes {
        return Err(Failure::invalid_argument(format!(
            "the normalizer's precompiled_charsmap is corrupt: its table is said to have {table_bytes} bytes, of {bytes}"
        )));
    }
    Ok(())
}
