//! Tasks and calls as messages: JSON, and the pickled parts behind it.

use std::sync::Arc;

use serde_json::{Value, json};
use vonk_plan::types::StructType;
use vonk_plan::types::json::struct_to_json;

use crate::wire::{self, Part};
use crate::{Arg, Call, Function, Task};

/// Pickled parts, each of them sent once.
#[derive(Default)]
struct Blobs(Vec<Arc<[u8]>>);

impl Blobs {
    fn add(&mut self, blob: &Arc<[u8]>) -> usize {
        match self.0.iter().position(|b| Arc::ptr_eq(b, blob)) {
            Some(i) => i,
            None => {
                self.0.push(Arc::clone(blob));
                self.0.len() - 1
            }
        }
    }

    fn message(self, value: &Value) -> Vec<Part> {
        let mut parts = vec![wire::json(value)];
        parts.extend(self.0.into_iter().map(|b| wire::bytes(b.as_ref())));
        parts
    }
}

/// The message that starts a task.
pub fn task(task: &Task) -> Vec<Part> {
    let mut blobs = Blobs::default();
    let functions: Vec<Value> = task.functions.iter().map(|f| function(f, &mut blobs)).collect();
    let table = task.table.as_ref().map(|t| {
        json!({
            "analyze_result": t.analyze_result.as_ref().map(|r| blobs.add(r)),
            "partition_columns": t.partition_columns,
            "table_args": t.table_args,
        })
    });
    let right = task.right.as_ref().map(|r| json!({"input": schema(&r.input), "keys": r.keys, "values": r.values}));
    let value = json!({
        "eval_type": task.eval_type,
        "functions": functions,
        "input": schema(&task.input),
        "output": schema(&task.output),
        "keys": task.keys,
        "right": right,
        "table": table,
        "conf": task.conf,
    });
    blobs.message(&value)
}

fn function(f: &Function, blobs: &mut Blobs) -> Value {
    let args: Vec<Value> = f
        .args
        .iter()
        .map(|a| match a {
            Arg::Positional(i) => json!([null, i]),
            Arg::Named(name, i) => json!([name, i]),
        })
        .collect();
    json!({
        "chain": f.chain.iter().map(|c| blobs.add(c)).collect::<Vec<_>>(),
        "args": args,
        "name": f.name,
        "python_version": f.python_version,
        "window": f.window.map(|(a, b)| [a, b]),
        "result_id": f.result_id,
    })
}

/// A call's parts are numbered as the caller gave them: none is left out.
pub fn call(call: &Call) -> Vec<Part> {
    let value = json!({"name": call.name, "value": call.value, "conf": call.conf});
    Blobs(call.blobs.clone()).message(&value)
}

fn schema(fields: &StructType) -> Value {
    struct_to_json(fields)
}
